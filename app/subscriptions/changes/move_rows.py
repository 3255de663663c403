"""Moves of everybody on a version: the rows of a move and of its organisations. The caller opens the transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import Conflict, NotFound
from app.kit.ids import new_id
from app.subscriptions.changes.models import (
    APPLIED,
    FAILED,
    MOVE_UNDONE,
    UNDOING,
    WAITING,
    PlanMove,
    PlanMoveOrg,
    PlannedChange,
)

_NO_MOVE, _NOT_CONCERNED = "There is no such move.", "The move does not concern this organisation."
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
_ORGS = """
SELECT each.org_id, org.name, each.state, each.note, planned.effective_at, planned.usage_at,
       planned.usage_applied_at, planned.outcome, ours.plan_version_id = planned.plan_version_id AS pays
FROM plan_move_orgs each
JOIN accounts_orgs org ON org.id = each.org_id
LEFT JOIN planned_changes planned ON planned.id = each.planned_id
LEFT JOIN subscriptions_open ours ON ours.org_id = each.org_id
WHERE each.move_id = :move
"""
_ORGS_BY_NEED = text(f"""{_ORGS}
ORDER BY array_position(ARRAY['failed', 'kept', 'waiting', 'undoing', 'planned', 'undone'], each.state),
         lower(org.name), each.org_id LIMIT :limit OFFSET :skip
""")
_ORGS_BY_ID = text(f"""{_ORGS} AND (CAST(:after AS uuid) IS NULL OR each.org_id > :after)
ORDER BY each.org_id LIMIT :limit
""")
_ORG = text(f"{_ORGS} AND each.org_id = :org")
_COUNTS = text("""
SELECT each.move_id, each.state, planned.outcome, count(*) AS orgs FROM plan_move_orgs each
LEFT JOIN planned_changes planned ON planned.id = each.planned_id
WHERE each.move_id = ANY (:moves) GROUP BY each.move_id, each.state, planned.outcome
""")
_MOVE = """
SELECT move.id, after.plan_key, after.plan_name, before.number AS from_number, after.number AS to_number,
       move.reason, move.asked_at, move.not_before, move.stopped_at,
       (SELECT count(*) FROM plan_move_orgs each WHERE each.move_id = move.id) AS orgs
FROM plan_moves move
JOIN catalog_versions before ON before.id = move.from_version_id
JOIN catalog_versions after ON after.id = move.to_version_id
"""
_MOVES = text(f"""{_MOVE} WHERE (CAST(:key AS text) IS NULL OR after.plan_key = :key)
  AND (CAST(:id AS uuid) IS NULL OR (move.asked_at, move.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)))
ORDER BY move.asked_at DESC, move.id DESC LIMIT :limit
""")
_MOVE_ALONE = text(f"{_MOVE} WHERE move.id = :move")
_UNDO = text("""
UPDATE plan_move_orgs SET state = CASE state WHEN 'planned' THEN 'undoing' ELSE 'undone' END, tried_at = NULL
WHERE move_id = :move AND state IN ('waiting', 'kept', 'failed', 'planned')
  AND NOT EXISTS (SELECT FROM planned_changes planned
                  WHERE planned.id = plan_move_orgs.planned_id AND planned.outcome IS NOT NULL)
""")


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


def get_move(session: Session, move_id: UUID) -> PlanMove:
    """Get a move. Raises `NotFound`."""
    move = find_move(session, move_id)
    if move is None:
        raise NotFound(_NO_MOVE)
    return move


def get_move_row(session: Session, move_id: UUID) -> Row[Any]:
    """Get a move as `list_moves` has it. Raises `NotFound`.

    Worked example: three organisations moved from version 1 to 2: orgs 3.
    """
    row = session.execute(_MOVE_ALONE, {"move": move_id}).one_or_none()
    if row is None:
        raise NotFound(_NO_MOVE)
    return row


def list_moves(
    session: Session, plan_key: str | None, limit: int, before: tuple[datetime, UUID] | None = None
) -> Sequence[Row[Any]]:
    """List the moves between versions of a plan, or of every plan, the newest first, with how many organisations each
    concerns.

    Worked example: three organisations moved from version 1 to 2: one row, orgs 3.
    """
    at, move_id = before or (None, None)
    return session.execute(_MOVES, {"key": plan_key, "limit": limit, "at": at, "id": move_id}).all()


def list_open(session: Session, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """List organisations whose move is to be planned or taken back and was not tried yet at `now`."""
    return [(row.move_id, row.org_id) for row in session.execute(_OPEN, {"now": now, "most": limit})]


def list_move_orgs(session: Session, move_id: UUID, limit: int, skip: int = 0) -> Sequence[Row[Any]]:
    """List what a move does for its organisations, those that need a look first.

    Worked example: one planned for 1 January, one that could not be planned: the second, then the first.
    """
    return session.execute(_ORGS_BY_NEED, {"move": move_id, "limit": limit, "skip": skip}).all()


def list_move_orgs_after(session: Session, move_id: UUID, after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """List the same by id, from the organisation `after`, so that a change of state skips nobody.

    Worked example: three organisations and a limit of two: two, then one.
    """
    return session.execute(_ORGS_BY_ID, {"move": move_id, "after": after, "limit": limit}).all()


def get_move_org(session: Session, move_id: UUID, org_id: UUID) -> Row[Any]:
    """Get what a move does for one organisation. Raises `NotFound`.

    Worked example: one that is planned for 1 January: state planned, and that day.
    """
    row = session.execute(_ORG, {"move": move_id, "org": org_id}).one_or_none()
    if row is None:
        raise NotFound(_NOT_CONCERNED)
    return row


def count_move_orgs(session: Session, move_ids: Collection[UUID]) -> dict[UUID, dict[tuple[str, str | None], int]]:
    """Count the organisations of moves by state and by the outcome of what was planned for them.

    Worked example: two planned and one of them applied: (planned, None): 1, (planned, applied): 1.
    """
    counts: dict[UUID, dict[tuple[str, str | None], int]] = {move_id: {} for move_id in move_ids}
    for row in session.execute(_COUNTS, {"moves": list(move_ids)}):
        counts[row.move_id][row.state, row.outcome] = row.orgs
    return counts


def lock_move_org(session: Session, move_id: UUID, org_id: UUID) -> PlanMoveOrg | None:
    """Lock an organisation's row of a move."""
    query = select(PlanMoveOrg).where(PlanMoveOrg.move_id == move_id, PlanMoveOrg.org_id == org_id)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def find_outcome(session: Session, row: PlanMoveOrg) -> str | None:
    """Find what became of the change that a move planned for an organisation; None: it stands, or there is none."""
    query = select(PlannedChange.outcome).where(PlannedChange.id == row.planned_id)
    return session.scalars(query).one_or_none() if row.planned_id else None


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
    """Take one organisation out of a move; what is planned for it is taken back by the task. Audited.

    False if it was before. Raises `NotFound`; `Conflict` if it has been moved, or something else took the move's place.
    """
    row = lock_move_org(session, move_id, org_id)
    if row is None:
        raise NotFound(_NOT_CONCERNED)
    if row.state in {UNDOING, MOVE_UNDONE}:
        return False
    outcome = find_outcome(session, row)
    if outcome is not None:
        raise Conflict("The organisation has been moved." if outcome == APPLIED else "The move is over for it.")
    row.state, row.tried_at = UNDOING if row.planned_id else MOVE_UNDONE, None
    session.flush()
    audit(session, actor, "plan_move.org_left_out", on=("plan_move", move_id), org_id=org_id,
          after={"at": now}, now=now)  # fmt: skip
    return True


def retry_move(session: Session, move_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Try the organisations again whose move failed; False if there is none. Audited."""
    failed = PlanMoveOrg.move_id == move_id, PlanMoveOrg.state == FAILED
    retried = update(PlanMoveOrg).where(*failed).values(state=WAITING, note=None).returning(PlanMoveOrg.org_id)
    if not session.scalars(retried).all():
        return False
    audit(session, actor, "plan_move.retried", on=("plan_move", move_id), after={"state": WAITING}, now=now)
    return True
