"""Moves one organisation, under its usage lock: what decides is read there, by what the page showed it with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.admin.plan_moves.decide import MoveDecision, decide_move
from app.admin.plan_moves.tell import tell_move
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotFound
from app.metering.verification.move import move_usage
from app.statements.blast.radius import find_org_effect
from app.statements.blast.version import PricedVersion, load_priced_version
from app.subscriptions import periods, queries
from app.subscriptions.changes.models import PlannedChange
from app.subscriptions.changes.moves import PlannedTarget, apply_due, plan_move


@dataclass(frozen=True, slots=True)
class MoveDone:
    """What was decided, and the row of what was planned or done; None: the organisation stays as it is."""

    decision: MoveDecision
    planned: PlannedChange | None


def move_org(
    session: Session,
    org_id: UUID,
    target: PlannedTarget,
    *,
    not_before: datetime,
    reason: str | None,
    actor: Actor,
    now: datetime,
) -> MoveDone:
    """Move an organisation to a version, at once or planned, and tell it. Audited. Raises `NotFound`, `Conflict`."""
    periods.lock_usage(session, org_id)
    periods.ensure_period(session, org_id, now, now)
    decision = preview_move(session, org_id, target, not_before=not_before, now=now)
    current = queries.find_subscription(session, org_id)
    if decision.kind == "kept" or decision.dates is None or current is None:
        return MoveDone(decision, None)
    row = plan_move(
        session, current, target, decision.dates, not_before=now if decision.kind == "at_once" else not_before,
        reason=reason, actor=actor, now=now,
    )  # fmt: skip
    tell_move(session, row, current, now)
    moved_from = apply_due(session, org_id, now)
    if moved_from is not None:
        move_usage(session, org_id, moved_from, now)
    return MoveDone(decision, row)


def preview_move(
    session: Session, org_id: UUID, target: PlannedTarget, *, not_before: datetime, now: datetime
) -> MoveDecision:
    """Decide about a move as it would be made now. Writes nothing."""
    effect = find_org_effect(session, load_target(session, target), org_id, now)
    if effect is None:
        raise Conflict("The organisation's first usage period is not open yet. Try again in a minute.")
    return decide_move(session, effect, target, not_before, now)


def load_target(session: Session, target: PlannedTarget) -> PricedVersion:
    """Load the version that is moved to."""
    version = catalog.find_version(session, target.version_id)
    if version is None:
        raise NotFound("There is no such plan version.")
    return load_priced_version(session, version)
