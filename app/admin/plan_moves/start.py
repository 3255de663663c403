"""What staff do with moves, for the pages and the API: start one, undo it for all or for one, try again."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from app.admin.plan_moves.tasks import MOVE
from app.catalog.models import PlanVersion
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.kit.queue import defer
from app.statements.blast.queries import count_holders
from app.subscriptions.changes import move_rows
from app.subscriptions.changes.models import PlanMove


def start_move(
    session: Session, versions: tuple[PlanVersion, PlanVersion], reason: str, orgs: int, *,
    notice: timedelta, actor: Actor, now: datetime,
) -> PlanMove:  # fmt: skip
    """Start a move from the first version to the second: the task plans it for one organisation after the other.

    Audited. Raises `Conflict` if not `orgs` are on the version, as was shown.
    """
    before, after = versions
    if count_holders(session, before.plan.key, before.number, now) != orgs:
        raise Conflict("Other organisations are on this version by now. Please look again.")
    move = move_rows.start_move(session, before.id, after.id, reason, not_before=now + notice, actor=actor, now=now)
    defer(session, MOVE)
    return move


def undo_move(session: Session, move_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Take a move back where nothing of it has taken effect; False if it was before. Audited. Raises `NotFound`."""
    undone = move_rows.stop_move(session, move_rows.get_move(session, move_id), actor=actor, now=now)
    defer(session, MOVE)
    return undone


def undo_move_org(session: Session, move_id: UUID, org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Take one organisation out of a move; False if it was before. Audited. Raises `NotFound`, `Conflict`."""
    done = move_rows.undo_move_org(session, move_id, org_id, actor=actor, now=now)
    defer(session, MOVE)
    return done


def retry_move(session: Session, move_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Try the organisations again whose move failed. Audited. Raises `NotFound`."""
    move = move_rows.get_move(session, move_id)
    if move_rows.retry_move(session, move.id, actor=actor, now=now):
        defer(session, MOVE)
