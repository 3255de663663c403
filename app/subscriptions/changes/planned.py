"""Plans a change for the end of the billing period, and ends the plan. The caller opens the transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.kit.actor import SYSTEM, Actor
from app.kit.ids import new_id
from app.kit.postgres.together import ask
from app.subscriptions import events
from app.subscriptions.changes.dates import find_move_dates
from app.subscriptions.changes.models import APPLIED, LOST, ORG, REPLACED, STAFF, UNDONE, PlannedChange
from app.subscriptions.models import Subscription
from app.subscriptions.period_schedule import SLACK


def find_planned(session: Session, org_id: UUID) -> PlannedChange | None:
    """Find the change that is planned for an org, as it is stored now."""
    return next(iter(ask(session, select_planned(org_id))), None)


def select_planned(org_id: UUID) -> Select[PlannedChange]:
    """Select the change that is planned for an org, as it is stored now."""
    query = select(PlannedChange).where(PlannedChange.org_id == org_id, PlannedChange.ended_at.is_(None))
    return query.execution_options(populate_existing=True)


def list_planned(session: Session, org_ids: Collection[UUID]) -> dict[UUID, PlannedChange]:
    """List the changes that are planned for orgs, by org, as they are stored now."""
    query = select(PlannedChange).where(PlannedChange.org_id.in_(org_ids), PlannedChange.ended_at.is_(None))
    return {row.org_id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def get_planned(session: Session, org_id: UUID, planned_id: UUID) -> PlannedChange:
    """Get a planned change of the org, ended or not."""
    query = select(PlannedChange).where(PlannedChange.org_id == org_id, PlannedChange.id == planned_id)
    return session.scalars(query).one()


def list_ended_planned(session: Session, org_id: UUID, at: datetime) -> list[PlannedChange]:
    """List the planned changes of an org that ended at an instant."""
    query = select(PlannedChange).where(PlannedChange.org_id == org_id, PlannedChange.ended_at == at)
    return list(session.scalars(query.order_by(PlannedChange.planned_at, PlannedChange.id)))


def plan_change(
    session: Session, subscription: Subscription, plan_version_id: UUID, interval: str, *, actor: Actor, now: datetime
) -> PlannedChange:
    """Plan a change of a subscription for the end of its billing period. Audited; recorded as an event."""
    row = PlannedChange(
        id=new_id(), org_id=subscription.org_id, subscription_id=subscription.id, plan_version_id=plan_version_id,
        interval=interval, currency=subscription.currency, effective_at=subscription.billing_ends_at, origin=ORG,
        planned_by=actor.id, planned_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    events.record_event(session, subscription, "change_planned", key=str(row.id), at=now, now=now)
    after = {"version": plan_version_id, "interval": interval, "at": row.effective_at}
    audit(session, actor, "subscription.change_planned", on=("planned_change", row.id), org_id=row.org_id,
          after=after, now=now)  # fmt: skip
    return row


def end_planned(session: Session, row: PlannedChange, outcome: str, now: datetime, *, actor: Actor = SYSTEM) -> None:
    """End a planned change; one that was taken back is recorded as an event. Audited."""
    row.ended_at, row.outcome = now, outcome
    session.flush()
    if outcome == UNDONE:
        subscription = session.get_one(Subscription, row.subscription_id)
        kind = "move_undone" if row.origin == STAFF else "change_undone"
        events.record_event(session, subscription, kind, key=str(row.id), at=now, now=now)
    audit(session, actor, f"subscription.planned_change_{outcome}", on=("planned_change", row.id), org_id=row.org_id,
          now=now)  # fmt: skip


def move_planned(session: Session, row: PlannedChange, at: datetime, now: datetime) -> bool:
    """Let a planned change take effect at the end of the period that runs now; False if that is its day. Audited."""
    if row.effective_at == at:
        return False
    before, row.effective_at = row.effective_at, at
    session.flush()
    audit(session, SYSTEM, "subscription.planned_change_moved", on=("planned_change", row.id), org_id=row.org_id,
          before={"at": before}, after={"at": at}, now=now)  # fmt: skip
    return True


def set_aside(session: Session, row: PlannedChange, now: datetime) -> None:
    """Note that the schedule of a planned change is about to be released for something else; the plan stands."""
    row.released_at = row.released_at or now
    session.flush()


def note_schedule(session: Session, row: PlannedChange, schedule_ref: str) -> None:
    """Note Stripe's schedule that mirrors a planned change."""
    row.schedule_ref, row.released_at = schedule_ref, None
    session.flush()


def list_unsent(session: Session, until: datetime) -> list[tuple[UUID, datetime]]:
    """List organisations whose planned change has no schedule, and since when, if that was by `until`."""
    since = func.coalesce(PlannedChange.released_at, PlannedChange.planned_at)
    unsent = or_(PlannedChange.schedule_ref.is_(None), PlannedChange.released_at.is_not(None))
    # A schedule says what follows the running period: what staff planned for later waits for the last one before.
    due = (Subscription.billing_ends_at >= PlannedChange.effective_at - SLACK) & (Subscription.collection == "stripe")
    query = (
        select(PlannedChange.org_id, since)
        .join(Subscription, (Subscription.org_id == PlannedChange.org_id) & Subscription.is_open)
        .where(PlannedChange.ended_at.is_(None), unsent, since <= until, due)
    )
    return [(org_id, at) for org_id, at in session.execute(query)]


def is_schedule_ours(session: Session, org_id: UUID, schedule_ref: str) -> bool:
    """Whether a schedule mirrors a planned change of the org, or did."""
    query = select(PlannedChange.id).where(PlannedChange.org_id == org_id, PlannedChange.schedule_ref == schedule_ref)
    return session.scalar(select(query.exists())) or False


def list_ended_refs(session: Session, refs: Collection[str]) -> list[str]:
    """List which of some schedules mirror a planned change that has ended."""
    query = select(PlannedChange.schedule_ref).where(
        PlannedChange.schedule_ref.in_(refs), PlannedChange.ended_at.is_not(None)
    )
    return [ref for ref in session.scalars(query) if ref is not None]


def settle_planned(session: Session, changed: Subscription, now: datetime) -> None:
    """End the planned change of an org whose subscription changed: as applied, if it is what was planned.

    What staff planned follows where the version is the same and only the way changed in which it is paid.
    """
    row = find_planned(session, changed.org_id)
    if row is None or _follow(session, row, changed, now):
        return
    applied = (row.plan_version_id, row.interval) == (changed.plan_version_id, changed.interval)
    otherwise = LOST if row.released_at is None else REPLACED
    end_planned(session, row, APPLIED if applied and changed.ended_at is None else otherwise, now)


def _follow(session: Session, row: PlannedChange, changed: Subscription, now: datetime) -> bool:
    """Let a move by staff follow another interval of the version that it moves from, at the days that hold then."""
    left = session.get_one(Subscription, row.subscription_id)
    same = (left.plan_version_id, left.currency) == (changed.plan_version_id, changed.currency)
    if row.not_before is None or changed.ended_at is not None or not same:
        return False
    if not catalog.is_sold(session, row.plan_version_id, changed.interval, changed.currency):
        return False
    dates = find_move_dates(session, changed, max(row.not_before, now))
    before = {"interval": row.interval, "at": row.effective_at}
    row.subscription_id, row.interval, row.effective_at = changed.id, changed.interval, dates.fee_at
    if row.usage_applied_at is None:
        row.usage_at = dates.usage_at
    session.flush()
    audit(session, SYSTEM, "subscription.planned_change_moved", on=("planned_change", row.id), org_id=row.org_id,
          before=before, after={"interval": row.interval, "at": row.effective_at}, now=now)  # fmt: skip
    return True
