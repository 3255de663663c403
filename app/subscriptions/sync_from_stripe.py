"""Applies a Stripe subscription to the subscription of ours that it pays for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.audit.service import write as audit
from app.kit.actor import SYSTEM, Actor
from app.kit.ids import new_id
from app.kit.periods import Period
from app.subscriptions import events, payment_restriction, periods, queries, realign_periods, renewals, states
from app.subscriptions.changes.planned import settle_planned
from app.subscriptions.changes.plans import find_change_name
from app.subscriptions.models import Subscription
from app.subscriptions.overage.consents import end_consent
from app.subscriptions.overage.models import PLAN_CHANGED
from app.subscriptions.period_schedule import SKEW
from app.subscriptions.recurring.facts import RecurringDiscount, RecurringFee
from app.subscriptions.recurring.record import record_charge
from app.subscriptions.service import PlanChange, describe_subscription
from app.subscriptions.states import OWING, PAID, SUSPENDED

OVER = frozenset({"canceled", "incomplete_expired"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StripeFacts:
    """A Stripe subscription as retrieved, with our plan version in place of Stripe's price.

    `ref` is Stripe's id, `state` Stripe's status. `ours` is the row of ours that it pays for, None until there is one
    (`sync_from_stripe` returns it as `subscription_id`). `cancel_at` is a planned end; `ended_at` is set for canceled
    and incomplete_expired. `trial` is Stripe's, running or over. `fees` and `discounts` are what it costs each period;
    `paused`: nothing is collected.
    """

    ref: str
    state: str
    plan_version_id: UUID
    interval: str
    currency: str
    anchor_at: datetime
    started_at: datetime
    billing: Period
    cancel_at: datetime | None
    ended_at: datetime | None
    ours: UUID | None
    trial: Period | None = None
    fees: tuple[RecurringFee, ...] = ()
    discounts: tuple[RecurringDiscount, ...] = ()
    paused: bool = False

    @property
    def begins_at(self) -> datetime:
        """When it took effect: at its anchor, except that a trial starts before it and a moved anchor is later."""
        return self.anchor_at if abs(self.anchor_at - self.started_at) <= SKEW else self.started_at

    def ends_at(self, now: datetime) -> datetime:
        """When it ended; the end of the paid period if Stripe ended it just after."""
        ended = min(self.ended_at or now, now)
        return self.billing.end if self.billing.end <= ended <= self.billing.end + SKEW else ended


def sync_from_stripe(session: Session, org_id: UUID, facts: StripeFacts, *, actor: Actor, now: datetime) -> PlanChange:
    """Apply a Stripe subscription to ours. Safe to repeat or apply late; audited. Takes the org's usage lock.

    Trialing, active and past due keep the plan; unpaid and paused keep it with the default plan's limits; incomplete
    grants nothing; an ended one never reopens. If an org has two, only the first has an effect. Returns the change; the
    caller stores `subscription_id` with Stripe's subscription and has metering move usage from `moved_from` on, in the
    same transaction. Raises `NotFound` (org), `ValueError` (an unknown status).
    """
    accounts.get_org(session, org_id)
    periods.lock_usage(session, org_id)
    subscription = _find_ours(session, org_id, facts)
    if facts.state in OVER:
        return _end(session, org_id, subscription, facts, actor=actor, now=now)
    if facts.state == "incomplete" or (subscription is not None and subscription.ended_at is not None):
        return PlanChange(changed=False, subscription_id=subscription.id if subscription else None)
    if facts.state not in (*PAID, *OWING, *SUSPENDED):
        raise ValueError(f"unknown Stripe subscription status {facts.state!r}")
    if subscription is None:
        return _start(session, org_id, facts, actor=actor, now=now)
    return _update(session, org_id, subscription, facts, actor=actor, now=now)


def _find_ours(session: Session, org_id: UUID, facts: StripeFacts) -> Subscription | None:
    if facts.ours is None:
        return None
    query = select(Subscription).where(Subscription.org_id == org_id, Subscription.id == facts.ours)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _start(session: Session, org_id: UUID, facts: StripeFacts, *, actor: Actor, now: datetime) -> PlanChange:
    """Start a purchased plan: a usage period starts at its anchor, even if that was weeks ago."""
    current = queries.find_subscription(session, org_id)
    if current is not None and current.collection == "stripe":
        log.warning("second stripe subscription ignored", org_id=str(org_id), ref=facts.ref)
        return PlanChange(changed=False)
    before, at = describe_subscription(session, current), _start_time(session, org_id, facts, now)
    opened = _open(session, org_id, facts, at, current=current, now=now)
    moved = renewals.align_periods(session, opened, now)
    states.apply_status(session, opened, facts.state, cancel_at=facts.cancel_at, actor=actor, now=now)
    _record(session, opened, facts, at, now)
    audit(session, actor, "subscription.started", on=("subscription", opened.id), org_id=org_id,
          before=before, after=describe_subscription(session, opened), now=now)  # fmt: skip
    return PlanChange(True, min(at, moved or at), opened.id)


def _update(
    session: Session, org_id: UUID, subscription: Subscription, facts: StripeFacts, *, actor: Actor, now: datetime
) -> PlanChange:
    """Apply what changed: the plan, the billing period, the status, a planned cancellation."""
    if facts.billing.start < subscription.billing_starts_at:  # a stale response: Stripe's periods only move forward
        return PlanChange(changed=False, subscription_id=subscription.id)
    periods.extend_periods(session, org_id, now, now + periods.AHEAD, now)
    before, previous = describe_subscription(session, subscription), subscription
    tried = subscription.state == states.TRIALING
    _set_trial(subscription, facts)
    if (subscription.plan_version_id, subscription.interval, subscription.currency) != (
        facts.plan_version_id,
        facts.interval,
        facts.currency,
    ):
        subscription = _change_plan(session, subscription, facts, now)
    else:
        renewals.apply_billing_period(session, subscription, facts.billing, facts.anchor_at, now)
    moved = renewals.align_periods(session, subscription, now)
    states.apply_status(session, subscription, facts.state, cancel_at=facts.cancel_at, actor=actor, now=now)
    at = subscription.started_at if subscription is not previous else _find_change(subscription, tried=tried, now=now)
    _record(session, subscription, facts, at, now)
    after = describe_subscription(session, subscription)
    changed = subscription is not previous or before != after
    if changed:
        audit(session, actor, "subscription.changed", on=("subscription", subscription.id), org_id=org_id,
              before=before, after=after, now=now)  # fmt: skip
    return PlanChange(changed or moved is not None, moved, subscription.id)


def _end(
    session: Session,
    org_id: UUID,
    subscription: Subscription | None,
    facts: StripeFacts,
    *,
    actor: Actor,
    now: datetime,
) -> PlanChange:
    """End the subscription; the Free plan's calendar period starts then. One that ended unseen is still recorded."""
    at, moved_from = facts.ends_at(now), None
    if subscription is None:
        started = _start_time(session, org_id, facts, now)
        if facts.state != "canceled" or started >= at or queries.find_subscription(session, org_id) is not None:
            return PlanChange(changed=False)
        subscription, moved_from = _open(session, org_id, facts, started, current=None, now=now), started
        _record(session, subscription, facts, started, now)
    elif subscription.ended_at is not None:
        return PlanChange(changed=False, subscription_id=subscription.id)
    before, at = describe_subscription(session, subscription), max(at, subscription.started_at)
    if facts.billing.start >= subscription.billing_starts_at:
        renewals.apply_billing_period(session, subscription, facts.billing, facts.anchor_at, now)
    # Past periods keep the plan's own limits, however late we heard.
    payment_restriction.restore_limits(session, subscription, now)
    containing = realign_periods.open_period_at(session, org_id, at, now)
    end_consent(session, org_id, at, PLAN_CHANGED, actor=actor, now=now)
    subscription.state, subscription.ended_at = "ended", at
    subscription.cancel_at = facts.cancel_at
    session.flush()
    _record(session, subscription, facts, at, now)
    realign_periods.restart_periods(session, org_id, containing, at, now)
    events.record_event(session, subscription, "ended", key=at.isoformat(), at=at, now=now)
    settle_planned(session, subscription, now)
    audit(session, actor, "subscription.ended", on=("subscription", subscription.id), org_id=org_id,
          before=before, after=describe_subscription(session, subscription), now=now)  # fmt: skip
    return PlanChange(True, moved_from or at, subscription.id)


def _find_change(subscription: Subscription, *, tried: bool, now: datetime) -> datetime:
    """When what it costs changed: a trial ends at its own time, of all else we know only when we heard of it."""
    over = tried and subscription.state != states.TRIALING
    return min(subscription.trial_ends_at, now) if over and subscription.trial_ends_at is not None else now


def _record(session: Session, row: Subscription, facts: StripeFacts, at: datetime, now: datetime) -> None:
    record_charge(session, row, fees=facts.fees, discounts=facts.discounts, paused=facts.paused, at=at, now=now)


def _start_time(session: Session, org_id: UUID, facts: StripeFacts, now: datetime) -> datetime:
    """When the first period starts: never in the future, never before the org's last change of subscription."""
    changes = [earlier.ended_at or earlier.started_at for earlier in queries.list_subscriptions(session, org_id)]
    return max([min(facts.begins_at, now), *changes])


def _open(
    session: Session, org_id: UUID, facts: StripeFacts, at: datetime, *, current: Subscription | None, now: datetime
) -> Subscription:
    """End the org's current subscription, open the one that Stripe's pays for, and start its usage period."""
    containing = realign_periods.open_period_at(session, org_id, at, now)
    end_consent(session, org_id, at, PLAN_CHANGED, actor=SYSTEM, now=now)
    if current is not None:
        current.state, current.ended_at = "ended", at
        session.flush()
    opened = _build_row(org_id, facts, at)
    session.add(opened)
    session.flush()
    realign_periods.restart_periods(session, org_id, containing, at, now)
    kind = "trial_started" if facts.trial and at < facts.trial.end else "started"
    events.record_event(session, opened, kind, key=at.isoformat(), at=at, now=now)
    renewals.record_renewals(session, opened, at, now)
    if current is not None:
        settle_planned(session, opened, now)
    return opened


def _change_plan(session: Session, subscription: Subscription, facts: StripeFacts, now: datetime) -> Subscription:
    """Apply a new price: the usage period continues, with the new terms for all of it.

    It takes effect from the renewal that brought it, otherwise from now.
    """
    renewed = facts.billing.start > subscription.billing_starts_at
    at = max(min(facts.billing.start, now) if renewed else now, subscription.started_at)
    subscription.state, subscription.ended_at, state = "ended", at, subscription.state
    session.flush()
    opened = _build_row(subscription.org_id, facts, at)
    opened.state, opened.cancel_at = state, subscription.cancel_at
    opened.limited_at = subscription.limited_at
    opened.restriction_lifted_until = subscription.restriction_lifted_until
    if facts.plan_version_id == subscription.plan_version_id:  # another interval of it: usage keeps its terms
        opened.usage_version_id = subscription.usage_version_id
    if facts.interval == "year":
        opened.anchor_at = subscription.anchor_at  # usage periods stay monthly; only the paid period is longer
    session.add(opened)
    session.flush()
    realign_periods.open_period_at(session, subscription.org_id, at, now)
    realign_periods.move_to_plan(session, subscription.org_id, at, now)
    kind = find_change_name(session, subscription, opened)
    events.record_event(session, opened, kind, key=at.isoformat(), at=at, now=now)
    settle_planned(session, opened, now)
    return opened


def _set_trial(row: Subscription, facts: StripeFacts) -> None:
    row.trial_starts_at = facts.trial.start if facts.trial else None
    row.trial_ends_at = facts.trial.end if facts.trial else None


def _build_row(org_id: UUID, facts: StripeFacts, at: datetime) -> Subscription:
    row = Subscription(
        id=new_id(),
        org_id=org_id,
        plan_version_id=facts.plan_version_id,
        state="active",
        interval=facts.interval,
        currency=facts.currency,
        collection="stripe",
        anchor_at=facts.anchor_at,
        started_at=at,
        billing_starts_at=facts.billing.start,
        billing_ends_at=facts.billing.end,
        cancel_at=None,
    )
    _set_trial(row, facts)
    return row
