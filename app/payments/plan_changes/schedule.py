"""Lets a schedule at Stripe mirror the planned change: made in two calls, released for another act, and made again.

All of it can be repeated after any failure: a schedule is recognised by the id of our row in its metadata.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.kit.errors import Conflict, DomainError, Unavailable
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.models import StripeSubscription
from app.payments.plan_changes.case import find_open_attempt
from app.payments.plan_changes.make_quote import NOT_SOLD
from app.payments.plan_changes.models import PlanChangeAttempt
from app.payments.plan_changes.resolve import sync_change
from app.stripe_gateway import Gateway, schedules, subscriptions
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions import queries as ours
from app.subscriptions.changes.planned import (
    find_planned,
    list_ended_refs,
    list_unsent,
    move_planned,
    note_schedule,
    set_aside,
)
from app.subscriptions.period_schedule import SLACK
from app.web.database import transaction

_MANAGED = "Your subscription is managed by a schedule that was made by hand. Nothing was changed. Please contact us."


@dataclass(frozen=True, slots=True)
class _Unsent:
    """A planned change that Stripe's schedule does not say; `price_id` None: it is not at Stripe."""

    id: UUID
    stripe_id: str
    price_id: str | None
    restarts: bool
    released_ref: str | None


def put_aside(gw: Gateway, org_id: UUID, now: datetime) -> None:
    """Release the schedule, so that the subscription can be changed. What is planned stands until that is done.

    The caller holds the org's lock, and calls `ensure_schedule` if it was not done.
    """
    with transaction() as session:
        planned, mirror = find_planned(session, org_id), queries.find_open_subscription(session, org_id)
        scheduled = planned is not None or (mirror is not None and mirror.schedule_id is not None)
        stripe_id = mirror.id if mirror is not None and scheduled else None
        if planned is not None:
            set_aside(session, planned, now)
    if stripe_id is not None:
        release_ours(gw, subscriptions.retrieve(gw, stripe_id))


def try_schedule(gw: Gateway, org_id: UUID, now: datetime) -> None:
    """Make the schedule again after something was not done; if that fails too, the sweep does it."""
    with suppress(DomainError):
        ensure_schedule(gw, org_id, now)


def ensure_schedule(gw: Gateway, org_id: UUID, now: datetime) -> None:
    """Let Stripe's schedule say what is planned, and nothing else. Safe to repeat after any failure.

    Does nothing while another change is asked for or waits for its payment. The caller holds the org's lock. Raises
    `Conflict` (managed by a schedule made by hand), `Unavailable`.
    """
    with transaction() as session:
        planned, mirror = find_planned(session, org_id), queries.find_open_subscription(session, org_id)
        left = mirror.id if planned is None and mirror is not None and mirror.schedule_id is not None else None
        unsent = _find_unsent(session, org_id)
    if left is not None:
        sync_change(gw, org_id, release_ours(gw, subscriptions.retrieve(gw, left)), now)
    if unsent is not None:
        _make(gw, org_id, unsent, now)


def release_ours(gw: Gateway, remote: RemoteSubscription) -> RemoteSubscription:
    """Release a schedule of ours, also one whose change is made: while it stands, it decides what else may change."""
    if remote.schedule_id is None or schedules.retrieve(gw, remote.schedule_id).own_id is None:
        return remote
    schedules.release(gw, remote.schedule_id, key=f"release-{new_hex()}")
    return subscriptions.retrieve(gw, remote.id)


def list_unmirrored(session: Session, now: datetime, quiet: timedelta) -> list[tuple[UUID, datetime]]:
    """List organisations whose planned change is not at Stripe after a while, or is still there once it is made."""
    left = select(StripeSubscription.schedule_id, StripeSubscription.org_id, StripeSubscription.retrieved_at).where(
        StripeSubscription.schedule_id.is_not(None), StripeSubscription.ended_at.is_(None)
    )
    found = {schedule_id: (org_id, at) for schedule_id, org_id, at in session.execute(left) if schedule_id}
    unsent = dict(list_unsent(session, now - quiet))
    settled = select(PlanChangeAttempt.org_id, func.max(PlanChangeAttempt.settled_at).label("at")).where(
        PlanChangeAttempt.org_id.in_(unsent)
    )
    freed = {row.org_id: row.at for row in session.execute(settled.group_by(PlanChangeAttempt.org_id))}
    since = [(org_id, max(at, freed.get(org_id) or at)) for org_id, at in unsent.items()]
    return [*since, *(found[ref] for ref in list_ended_refs(session, found))]


def _find_unsent(session: Session, org_id: UUID) -> _Unsent | None:
    planned, mirror = find_planned(session, org_id), queries.find_open_subscription(session, org_id)
    if planned is None or mirror is None or (planned.schedule_ref is not None and planned.released_at is None):
        return None
    if mirror.period_end < planned.effective_at - SLACK:  # not the last paid period before it
        return None
    if mirror.pending_price_id is not None or find_open_attempt(session, org_id) is not None:
        return None
    price = queries.find_version_price(session, planned.plan_version_id, planned.interval, planned.currency)
    restarts = planned.interval != ours.get_subscription(session, org_id, planned.subscription_id).interval
    return _Unsent(planned.id, mirror.id, price.id if price else None, restarts, planned.schedule_ref)


def _make(gw: Gateway, org_id: UUID, unsent: _Unsent, now: datetime) -> None:
    if unsent.price_id is None:
        raise Unavailable(NOT_SOLD)
    remote = subscriptions.retrieve(gw, unsent.stripe_id)
    if remote.cancel_at is not None or remote.pending_price_id is not None or remote.ended_at is not None:
        sync_change(gw, org_id, remote, now)  # what it made way for was done after all
        return
    with transaction() as session:
        planned = find_planned(session, org_id)
        if planned is not None:  # while Stripe was away, the period that it was planned in may have ended
            move_planned(session, planned, remote.period_end, now)
    schedule = _ensure_created(gw, remote, unsent)
    if not schedule.planned:
        schedules.plan_price(gw, schedule.id, unsent.price_id, restarts=unsent.restarts, key=f"phases-{schedule.id}")
    remote = subscriptions.retrieve(gw, unsent.stripe_id)
    with transaction() as session:
        planned = find_planned(session, org_id)
        if planned is not None:
            note_schedule(session, planned, schedule.id)
    sync_change(gw, org_id, remote, now)


def _ensure_created(gw: Gateway, remote: RemoteSubscription, unsent: _Unsent) -> schedules.RemoteSchedule:
    if remote.schedule_id is not None:
        schedule = schedules.retrieve(gw, remote.schedule_id)
        if schedule.own_id == unsent.id:
            return schedule
        if schedule.own_id is None:
            raise Conflict(_MANAGED)
        release_ours(gw, remote)  # that of a planned change which gave way to this one
    # Of another period, or after another schedule, another key: one that is over must not be replayed.
    key = f"schedule-{unsent.id}-{int(remote.period_end.timestamp())}"
    key = f"{key}-{unsent.released_ref}" if unsent.released_ref else key
    return schedules.create(gw, remote.id, unsent.id, key=key)
