"""Changes that staff plan for an organisation: planned after a notice, and taking effect. Callers hold its usage lock.

At Stripe the fee follows its schedule (`payments/plan_changes/schedule.py`); here are usage, and the fees that we
invoice or nobody collects.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.kit.actor import SYSTEM, Actor
from app.kit.errors import Conflict
from app.kit.ids import new_id
from app.subscriptions import events, periods, queries, realign_periods, service
from app.subscriptions.changes.dates import MoveDates
from app.subscriptions.changes.models import APPLIED, REPLACED, STAFF, UNDONE, PlannedChange
from app.subscriptions.changes.planned import end_planned, find_planned
from app.subscriptions.models import Subscription

_HAPPENED = "This change has begun to take effect, so it can't be undone. Move the organisation again instead."
# Usage that is due, and fees that Stripe does not bill.
_DUE = """
FROM planned_changes planned
JOIN subscriptions_open ours ON ours.org_id = planned.org_id
JOIN accounts_orgs org ON org.id = planned.org_id AND org.deleted_at IS NULL
CROSS JOIN LATERAL (VALUES
    (CASE WHEN planned.usage_applied_at IS NULL THEN planned.usage_at END),
    (CASE WHEN ours.collection <> 'stripe'
           AND (ours.plan_version_id, ours.interval) <> (planned.plan_version_id, planned.interval)
          THEN planned.effective_at END)
) due (at)
WHERE planned.ended_at IS NULL AND planned.origin = 'staff'
"""
_LIST = text(f"SELECT DISTINCT planned.org_id {_DUE} AND due.at <= :now LIMIT :most")
_NEXT = text(f"SELECT min(due.at) {_DUE} AND due.at > :after AND due.at <= :until")


@dataclass(frozen=True, slots=True)
class PlannedTarget:
    """What an organisation is moved to."""

    version_id: UUID
    interval: str
    currency: str


def plan_move(
    session: Session,
    subscription: Subscription,
    target: PlannedTarget,
    dates: MoveDates,
    *,
    not_before: datetime,
    reason: str | None,
    actor: Actor,
    now: datetime,
) -> PlannedChange:
    """Plan a change on behalf of staff, in place of one that staff planned before. Audited; recorded as an event.

    Raises `Conflict` if the organisation has planned a change itself, or an earlier one has begun to take effect.
    """
    earlier = find_planned(session, subscription.org_id)
    if earlier is not None and earlier.origin != STAFF:
        raise Conflict("The organisation has planned a change of plan itself. That stays.")
    if earlier is not None:
        ensure_not_begun(session, earlier)
        end_planned(session, earlier, REPLACED, now, actor=actor)
    row = PlannedChange(
        id=new_id(), org_id=subscription.org_id, subscription_id=subscription.id, plan_version_id=target.version_id,
        interval=target.interval, currency=target.currency, effective_at=dates.fee_at, origin=STAFF,
        not_before=not_before, usage_at=dates.usage_at, reason=reason, planned_by=actor.id, planned_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    events.record_event(session, subscription, "move_planned", key=str(row.id), at=now, now=now)
    after = {"version": row.plan_version_id, "interval": row.interval, "at": row.effective_at,
             "usage_at": row.usage_at, "reason": reason}  # fmt: skip
    audit(session, actor, "subscription.move_planned", on=("planned_change", row.id), org_id=row.org_id,
          after=after, now=now)  # fmt: skip
    return row


def undo_move(session: Session, row: PlannedChange, now: datetime, *, actor: Actor) -> None:
    """Take back what staff planned. Its schedule at Stripe is the caller's. Raises `Conflict` once it has begun."""
    ensure_not_begun(session, row)
    end_planned(session, row, UNDONE, now, actor=actor)


def ensure_not_begun(session: Session, row: PlannedChange) -> None:
    """Raise `Conflict` once usage or fee follow the change."""
    if row.ended_at is not None or row.usage_applied_at is not None or _has_fee(session, row):
        raise Conflict(_HAPPENED)


def list_due(session: Session, now: datetime, limit: int) -> list[UUID]:
    """List the organisations for which a change by staff is due."""
    return list(session.scalars(_LIST, {"now": now, "most": limit}))


def find_next_due(session: Session, after: datetime, until: datetime) -> datetime | None:
    """When the next change by staff takes effect, if that is after `after` and by `until`."""
    found: datetime | None = session.scalar(_NEXT, {"after": after, "until": until})
    return found


def apply_due(session: Session, org_id: UUID, now: datetime) -> datetime | None:
    """Let what staff planned take effect, as far as it is due; returns from when usage is to be moved, if it is.

    Repeating it changes nothing.
    """
    row = find_planned(session, org_id)
    if row is None or row.origin != STAFF:
        return None
    if row.usage_at is not None and row.usage_applied_at is None and row.usage_at <= now:
        _apply_usage(session, row, row.usage_at, now)
    current = queries.find_subscription(session, org_id)
    moved = None
    if current is not None and current.collection != "stripe" and row.effective_at <= now:
        if not _has_fee(session, row):
            moved = _apply_fee(session, row, current, now)
        if row.usage_at is None or row.usage_applied_at is not None:
            end_planned(session, row, APPLIED, now)
    return moved


def _has_fee(session: Session, row: PlannedChange) -> bool:
    current = queries.find_subscription(session, row.org_id)
    planned = (row.plan_version_id, row.interval, row.currency)
    return current is not None and (current.plan_version_id, current.interval, current.currency) == planned


def _apply_usage(session: Session, row: PlannedChange, at: datetime, now: datetime) -> None:
    """Count usage by the new terms from `at` on, in the whole usage period of it."""
    current = queries.find_subscription(session, row.org_id)
    if current is None:
        return
    at = max(at, current.started_at)
    realign_periods.open_period_at(session, row.org_id, at, now)
    paid = current.plan_version_id
    current.usage_version_id = None if paid == row.plan_version_id else row.plan_version_id
    session.flush()
    realign_periods.move_to_plan(session, row.org_id, at, now)
    periods.extend_periods(session, row.org_id, now, now + periods.AHEAD, now)
    row.usage_applied_at = now
    session.flush()
    audit(session, SYSTEM, "subscription.usage_moved", on=("planned_change", row.id), org_id=row.org_id,
          after={"version": row.plan_version_id, "at": at}, now=now)  # fmt: skip


def _apply_fee(session: Session, row: PlannedChange, current: Subscription, now: datetime) -> datetime | None:
    """Charge the new fee from the billing period that begins then. Usage that follows later keeps its terms."""
    version = catalog.find_version(session, row.plan_version_id)
    if version is None:
        raise RuntimeError(f"planned change {row.id} names no version")
    at = max(row.effective_at, current.started_at)
    service.roll_billing_period(session, current.id, at)
    choice = service.PlanChoice(version.id, row.interval, row.currency, service.find_collection(version))
    waits = row.usage_at is not None and row.usage_applied_at is None
    change, _ = service.replace_subscription(
        session, row.org_id, current, choice, at=at, actor=SYSTEM, now=now,
        usage_version_id=_keep(current, choice) if waits else None,
    )  # fmt: skip
    return change.moved_from


def _keep(current: Subscription, choice: Any) -> UUID | None:
    kept = current.terms_version_id
    return None if kept == choice.version_id else kept
