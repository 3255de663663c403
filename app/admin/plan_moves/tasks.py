"""Background task: plans the moves of organisations one by one, and takes back those that staff undo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.admin.plan_moves.act import move_org
from app.admin.plan_moves.decide import GONE, MoveClock
from app.kit.actor import Actor
from app.kit.errors import Conflict, DomainError
from app.payments.plan_changes.apply_moves import undo_staff_move
from app.subscriptions import queries
from app.subscriptions.changes import move_rows
from app.subscriptions.changes.models import FAILED, KEPT, MOVE_UNDONE, PLANNED, UNDOING, PlanMove, PlanMoveOrg
from app.subscriptions.changes.models import UNDONE as PLAN_UNDONE
from app.subscriptions.changes.moves import PlannedTarget
from app.subscriptions.changes.planned import find_planned
from app.web.database import transaction
from app.web.runtime import business_now

MOVE = "admin.move_orgs"
MOST = 200
"""Organisations per run; the rest follow a minute later."""

log = structlog.get_logger()


def move_orgs() -> int:
    """Plan or undo the moves that wait; returns for how many organisations. One transaction each: one failure stops no
    other, and stands on the move's page.
    """
    now = business_now()
    with transaction() as session:
        waiting = move_rows.list_open(session, now, MOST)
    for move_id, org_id in waiting:
        try:
            _settle(move_id, org_id, now)
        except Exception as error:  # noqa: BLE001  (one failure must not stop the others)
            log.warning("move failed", move=str(move_id), org=str(org_id), error=type(error).__name__)
            _note_failure(move_id, org_id, error, now)
    return len(waiting)


def _settle(move_id: UUID, org_id: UUID, now: datetime) -> None:
    with transaction() as session:
        row, move = move_rows.lock_move_org(session, move_id, org_id), move_rows.find_move(session, move_id)
        if row is None or move is None:
            return
        if row.state != UNDOING:
            _plan(session, move, row, now)
            return
        actor = _act_for(org_id, move.stopped_by or move.asked_by)
    _undo(move_id, org_id, actor, now)


def _plan(session: Session, move: PlanMove, row: PlanMoveOrg, now: datetime) -> None:
    current = queries.find_subscription(session, row.org_id)
    if move.stopped_at is not None or current is None:
        move_rows.note_move_org(session, row, MOVE_UNDONE if current else KEPT, now, note=None if current else GONE)
        return
    target = PlannedTarget(move.to_version_id, current.interval, current.currency)
    clock = MoveClock(now, max(move.not_before, now))
    actor = _act_for(row.org_id, move.asked_by)
    done = move_org(session, row.org_id, target, clock, reason=move.reason, actor=actor)
    if done.planned is None:
        move_rows.note_move_org(session, row, KEPT, now, note=done.decision.reason)
    else:
        move_rows.note_move_org(session, row, PLANNED, now, planned_id=done.planned.id)


def _undo(move_id: UUID, org_id: UUID, actor: Actor, now: datetime) -> None:
    """Take back what the move planned, unless that has begun: then it stays planned, and says why.

    What has taken effect since the press, or given way to another change, stays what it is.
    """
    state, note = MOVE_UNDONE, None
    with transaction() as session:
        row, standing = move_rows.lock_move_org(session, move_id, org_id), find_planned(session, org_id)
        ours = row is not None and standing is not None and row.planned_id == standing.id
        if row is not None and move_rows.find_outcome(session, row) not in {None, PLAN_UNDONE}:
            state = PLANNED
    try:
        if ours:
            undo_staff_move(org_id, actor=actor, now=now)
    except Conflict as begun:
        state, note = PLANNED, begun.detail
    with transaction() as session:
        row = move_rows.lock_move_org(session, move_id, org_id)
        if row is not None:
            move_rows.note_move_org(session, row, state, now, note=note)


def _note_failure(move_id: UUID, org_id: UUID, error: Exception, now: datetime) -> None:
    """What failed waits for staff; what could not be taken back is tried again."""
    words = error.detail if isinstance(error, DomainError) else f"{type(error).__name__}. The log says more."
    with transaction() as session:
        row = move_rows.lock_move_org(session, move_id, org_id)
        if row is not None:
            move_rows.note_move_org(session, row, row.state if row.state == UNDOING else FAILED, now, note=words)


def _act_for(org_id: UUID, user_id: UUID | None) -> Actor:
    return Actor("staff", user_id, acting_for=org_id)


TASKS: dict[str, Callable[..., object]] = {MOVE: move_orgs}
SWEEPS = (MOVE,)
PERIODIC = [("* * * * *", MOVE)]
