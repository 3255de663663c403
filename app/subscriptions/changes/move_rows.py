"""Moves of everybody on a version: the rows of a move and of its organisations. The caller opens the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.ids import new_id
from app.subscriptions.changes.models import UNDOING, WAITING, PlanMove, PlanMoveOrg

OWN_CHANGE, ENDING = "own_change", "ending"
"""Why an organisation is kept for now: once that is over, and it still is on the version, it is moved after all."""

# Whoever is on the version as its running usage period says, and subscribed: the others follow the default plan.
_COLLECT = text("""
INSERT INTO plan_move_orgs (move_id, org_id, state)
SELECT :move, holder.org_id, 'waiting' FROM subscriptions_holders(:now) holder
JOIN subscriptions_open ours ON ours.org_id = holder.org_id
WHERE holder.plan_version_id = :version OR ours.plan_version_id = :version
""")
# Those to be planned: not tried yet, or kept for a reason that is gone.
_OPEN = text("""
SELECT each.move_id, each.org_id FROM plan_move_orgs each
JOIN plan_moves move ON move.id = each.move_id
WHERE (each.tried_at IS NULL OR each.tried_at < :now) AND (each.state = 'undoing' OR move.stopped_at IS NULL AND (
    each.state = 'waiting'
    OR each.state = 'kept' AND each.note IN ('own_change', 'ending') AND EXISTS (
        SELECT FROM subscriptions_open ours
        WHERE ours.org_id = each.org_id AND ours.plan_version_id = move.from_version_id AND ours.cancel_at IS NULL
          AND NOT EXISTS (SELECT FROM planned_changes planned
                          WHERE planned.org_id = each.org_id AND planned.ended_at IS NULL))))
ORDER BY each.tried_at NULLS FIRST, each.move_id, each.org_id LIMIT :most
""")
_ORGS = text("""
SELECT each.org_id, org.name, each.state, each.note, planned.effective_at, planned.usage_at,
       planned.usage_applied_at, planned.outcome, ours.plan_version_id = planned.plan_version_id AS pays
FROM plan_move_orgs each
JOIN accounts_orgs org ON org.id = each.org_id
LEFT JOIN planned_changes planned ON planned.id = each.planned_id
LEFT JOIN subscriptions_open ours ON ours.org_id = each.org_id
WHERE each.move_id = :move
ORDER BY array_position(ARRAY['failed', 'kept', 'waiting', 'undoing', 'planned', 'undone'], each.state),
         lower(org.name), each.org_id LIMIT :limit OFFSET :skip
""")
_COUNTS = text("""
SELECT each.state, planned.outcome, count(*) AS orgs FROM plan_move_orgs each
LEFT JOIN planned_changes planned ON planned.id = each.planned_id
WHERE each.move_id = :move GROUP BY each.state, planned.outcome
""")
_MOVES = text("""
SELECT move.id, before.number AS from_number, after.number AS to_number, move.asked_at, move.not_before,
       move.stopped_at, (SELECT count(*) FROM plan_move_orgs each WHERE each.move_id = move.id) AS orgs
FROM plan_moves move
JOIN catalog_versions before ON before.id = move.from_version_id
JOIN catalog_versions after ON after.id = move.to_version_id
WHERE after.plan_key = :key ORDER BY move.asked_at DESC, move.id LIMIT :limit
""")
_UNDO = text("""
UPDATE plan_move_orgs SET state = CASE state WHEN 'planned' THEN 'undoing' ELSE 'undone' END, tried_at = NULL
WHERE move_id = :move AND state IN ('waiting', 'kept', 'failed', 'planned')
  AND NOT EXISTS (SELECT FROM planned_changes planned
                  WHERE planned.id = plan_move_orgs.planned_id AND planned.outcome IS NOT NULL)
""")
_RETRY = text("UPDATE plan_move_orgs SET state = 'waiting', note = NULL WHERE move_id = :move AND state = 'failed'")


def start_move(
    session: Session, from_id: UUID, to_id: UUID, reason: str, *, not_before: datetime, actor: Actor, now: datetime
) -> PlanMove:
    """Record a move with everybody it concerns; the task plans them one by one. Audited."""
    move = PlanMove(
        id=new_id(), from_version_id=from_id, to_version_id=to_id, reason=reason, not_before=not_before,
        asked_by=actor.id, asked_at=now,
    )  # fmt: skip
    session.add(move)
    session.flush()
    session.execute(_COLLECT, {"move": move.id, "version": from_id, "now": now})
    after = {"from": from_id, "to": to_id, "not_before": not_before, "reason": reason}
    audit(session, actor, "plan_move.started", on=("plan_move", move.id), after=after, now=now)
    return move


def find_move(session: Session, move_id: UUID) -> PlanMove | None:
    """Find a move."""
    return session.get(PlanMove, move_id)


def list_moves(session: Session, plan_key: str, limit: int) -> Sequence[Row[Any]]:
    """List the moves between versions of a plan, the newest first, with how many organisations each concerns.

    Worked example: three organisations moved from version 1 to 2: one row, orgs 3.
    """
    return session.execute(_MOVES, {"key": plan_key, "limit": limit}).all()


def list_open(session: Session, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """List organisations whose move is to be planned or taken back and was not tried yet at `now`."""
    return [(row.move_id, row.org_id) for row in session.execute(_OPEN, {"now": now, "most": limit})]


def list_move_orgs(session: Session, move_id: UUID, limit: int, skip: int = 0) -> Sequence[Row[Any]]:
    """List what a move does for its organisations, those that need a look first.

    Worked example: one planned for 1 January, one that could not be planned: the second, then the first.
    """
    return session.execute(_ORGS, {"move": move_id, "limit": limit, "skip": skip}).all()


def count_move_orgs(session: Session, move_id: UUID) -> dict[tuple[str, str | None], int]:
    """Count a move's organisations by state and by the outcome of what was planned for them.

    Worked example: two planned and one of them applied: (planned, None): 1, (planned, applied): 1.
    """
    return {(row.state, row.outcome): row.orgs for row in session.execute(_COUNTS, {"move": move_id})}


def lock_move_org(session: Session, move_id: UUID, org_id: UUID) -> PlanMoveOrg | None:
    """Lock an organisation's row of a move."""
    query = select(PlanMoveOrg).where(PlanMoveOrg.move_id == move_id, PlanMoveOrg.org_id == org_id)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def note_move_org(
    session: Session, row: PlanMoveOrg, state: str, now: datetime, *, note: str | None = None,
    planned_id: UUID | None = None,
) -> None:  # fmt: skip
    """Note what became of an organisation's move."""
    row.state, row.note, row.tried_at = state, note, now
    row.planned_id = planned_id or row.planned_id
    session.flush()


def stop_move(session: Session, move: PlanMove, *, actor: Actor, now: datetime) -> bool:
    """Take back a move as far as nothing of it has taken effect; False if it was before. Audited."""
    session.refresh(move, with_for_update=True)
    if move.stopped_at is not None:
        return False
    move.stopped_by, move.stopped_at = actor.id, now
    session.flush()
    session.execute(_UNDO, {"move": move.id})
    audit(session, actor, "plan_move.stopped", on=("plan_move", move.id), after={"at": now}, now=now)
    return True


def undo_move_org(session: Session, move_id: UUID, org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Take one organisation out of a move; what is planned for it is taken back by the task. Audited."""
    row = lock_move_org(session, move_id, org_id)
    if row is None or row.state in {UNDOING, "undone"}:
        return False
    row.state, row.tried_at = UNDOING if row.planned_id else "undone", None
    session.flush()
    audit(session, actor, "plan_move.org_left_out", on=("plan_move", move_id), org_id=org_id,
          after={"at": now}, now=now)  # fmt: skip
    return True


def retry_move(session: Session, move_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Try the organisations again whose move failed. Audited."""
    session.execute(_RETRY, {"move": move_id})
    audit(session, actor, "plan_move.retried", on=("plan_move", move_id), after={"state": WAITING}, now=now)
