"""Plans a change for the end of the paid period, and takes it back: our row first, then Stripe's schedule mirrors it.

The schedule is made and filled in two calls. Both are repeated until Stripe has them: by the next press, or the sweep.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.actor import SYSTEM, Actor
from app.kit.errors import Conflict, Unavailable
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.errors import ChangeNotNow
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.models import StripeSubscription
from app.payments.plan_changes.case import ChangeCase, load_case
from app.payments.plan_changes.make_quote import NOT_SOLD, RENEWING, make_quote
from app.payments.plan_changes.resolve import sync_change
from app.stripe_gateway import Gateway, schedules, subscriptions
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions import queries as ours
from app.subscriptions.changes.models import REPLACED, UNDONE, PlannedChange
from app.subscriptions.changes.planned import (
    end_planned,
    find_planned,
    list_ended_refs,
    list_unsent,
    move_planned,
    note_schedule,
    plan_change,
)
from app.subscriptions.changes.timing import settle_timing
from app.web.database import mark_sent, transaction

_MANAGED = "Your subscription is managed by a schedule that was made by hand. Nothing was changed. Please contact us."
_NOT_THEN = "This change does not wait for the end of the paid period. Nothing was changed."
_FIRST = "This change cannot be planned yet. Nothing was changed. The plan's page says what comes first."
_UNDO_FIRST = "Another change is planned. Undo that first. Nothing was changed."


def plan_ahead(
    org_id: UUID, plan_key: str, interval: str, *, version_id: UUID | None = None, actor: Actor, now: datetime
) -> datetime:
    """Plan a change for the end of the paid period; returns when. Nothing is charged. Repeating it changes nothing.

    `version_id` is the version that was shown. Opens its own transactions. Raises `ChangeNotNow` (something comes
    first, or it is made at once), `Conflict` (another version is on sale now), `Unavailable` (Stripe is away: what was
    planned is sent to it within minutes).
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            known = _find_same(session, org_id, plan_key, interval)
            case = load_case(session, org_id, plan_key, interval, now) if known is None else None
        if case is not None:
            _ensure_later(gw, case, interval, now)
        mark_sent(sent=False)  # roles are read again, right before the row is written
        with transaction() as session:
            planned = _find_same(session, org_id, plan_key, interval)
            if planned is None:
                planned = _record(session, org_id, plan_key, interval, version_id, actor=actor, now=now)
        ensure_schedule(gw, org_id, now)
        with transaction() as session:
            moved = find_planned(session, org_id)
            return moved.effective_at if moved is not None else now


def undo_planned(org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Take the planned change back; False if none was planned. Raises `Unavailable`."""
    gw = get_gateway()
    with org_turn(gw, org_id):
        return release_planned(gw, org_id, UNDONE, actor=actor, now=now)


def release_planned(gw: Gateway, org_id: UUID, outcome: str = REPLACED, *, actor: Actor, now: datetime) -> bool:
    """Release the schedule and end the planned change; False if there is none. The caller holds the org's lock."""
    with transaction() as session:
        planned, mirror = find_planned(session, org_id), queries.find_open_subscription(session, org_id)
        stands, stripe_id = planned is not None, mirror.id if mirror else None
        scheduled = mirror is not None and mirror.schedule_id is not None
    if stripe_id is None or not (stands or scheduled):
        return False
    remote = release_ours(gw, subscriptions.retrieve(gw, stripe_id))
    with transaction() as session:
        planned = find_planned(session, org_id)
        if planned is not None:
            end_planned(session, planned, outcome, now, actor=actor)
    sync_change(gw, org_id, remote, now)
    return stands


def ensure_schedule(gw: Gateway, org_id: UUID, now: datetime) -> None:
    """Let Stripe's schedule say what is planned, and nothing else. Safe to repeat after any failure.

    The caller holds the org's lock.
    """
    with transaction() as session:
        planned, mirror = find_planned(session, org_id), queries.find_open_subscription(session, org_id)
        left = planned is None and mirror is not None and mirror.schedule_id is not None
    if left:
        release_planned(gw, org_id, actor=SYSTEM, now=now)
        return
    with transaction() as session:
        if planned is None or mirror is None or planned.schedule_ref is not None:
            return
        price = queries.find_version_price(session, planned.plan_version_id, planned.interval, planned.currency)
        current = ours.get_subscription(session, org_id, planned.subscription_id)
        planned_id, stripe_id, restarts = planned.id, mirror.id, planned.interval != current.interval
        price_id = price.id if price else None
    if price_id is None:
        raise Unavailable(NOT_SOLD)
    remote = subscriptions.retrieve(gw, stripe_id)
    with transaction() as session:
        planned = find_planned(session, org_id)
        if planned is not None:  # while Stripe was away, the period that it was planned in may have ended
            move_planned(session, planned, remote.period_end, now)
    schedule = _ensure_created(gw, remote, planned_id)
    if not schedule.planned:
        schedules.plan_price(gw, schedule.id, price_id, restarts=restarts, key=f"phases-{schedule.id}")
    remote = subscriptions.retrieve(gw, stripe_id)
    with transaction() as session:
        planned = find_planned(session, org_id)
        if planned is not None:
            note_schedule(session, planned, schedule.id)
    sync_change(gw, org_id, remote, now)


def is_later(timing: str, interval: str) -> bool:
    """Who pays yearly may choose a higher plan by the month, then."""
    return timing == "choose" and interval == "month"


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
    return [*list_unsent(session, now - quiet), *(found[ref] for ref in list_ended_refs(session, found))]


def _ensure_created(gw: Gateway, remote: RemoteSubscription, planned_id: UUID) -> schedules.RemoteSchedule:
    if remote.schedule_id is None:
        # Of another period another key: a schedule that ended with its period must not be replayed.
        key = f"schedule-{planned_id}-{int(remote.period_end.timestamp())}"
        return schedules.create(gw, remote.id, planned_id, key=key)
    schedule = schedules.retrieve(gw, remote.schedule_id)
    if schedule.own_id != planned_id:
        raise Conflict(_MANAGED)
    return schedule


def _ensure_later(gw: Gateway, case: ChangeCase, interval: str, now: datetime) -> None:
    """Raise `ChangeNotNow` unless a change waits for the period's end; where it may be at once, its price decides."""
    _refuse_first(case)
    decision = case.decision
    if decision.timing == "at_once":
        decision = settle_timing(decision, make_quote(gw, case, now).quote.total)
    if decision.timing != "at_period_end" and not is_later(decision.timing, interval):
        raise ChangeNotNow(_NOT_THEN, reason=decision.reason)


def _refuse_first(case: ChangeCase) -> None:
    decision = case.decision
    if decision.timing in {"first", "refused"}:
        raise ChangeNotNow(_UNDO_FIRST if decision.reason == "planned" else _FIRST, reason=decision.reason)


def _find_same(session: Session, org_id: UUID, plan_key: str, interval: str) -> PlannedChange | None:
    """The planned change, if it is this one."""
    planned = find_planned(session, org_id)
    if planned is None or planned.interval != interval:
        return None
    plan = catalog.find_plan_of_version(session, planned.plan_version_id)
    return planned if plan is not None and plan.key == plan_key else None


def _record(
    session: Session,
    org_id: UUID,
    plan_key: str,
    interval: str,
    version_id: UUID | None,
    *,
    actor: Actor,
    now: datetime,
) -> PlannedChange:
    case = load_case(session, org_id, plan_key, interval, now)
    _refuse_first(case)
    if version_id is not None and version_id != case.wanted.version_id:
        raise Conflict("The plan has changed since you opened this page. Please review it again.")
    if case.wanted.price_id is None:
        raise Unavailable(NOT_SOLD)
    subscription = ours.find_subscription(session, org_id)
    if subscription is None:
        raise Conflict(_NOT_THEN)
    if subscription.billing_ends_at <= now:
        raise Conflict(RENEWING)
    return plan_change(session, subscription, case.wanted.version_id, interval, actor=actor, now=now)
