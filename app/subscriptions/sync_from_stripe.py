"""Brings our subscription in line with what Stripe says of the one that pays for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.ids import new_id
from app.kit.periods import Period
from app.subscriptions import events, payment_restriction, periods, queries, realign_periods, renewals, states
from app.subscriptions.models import Subscription
from app.subscriptions.period_schedule import SKEW
from app.subscriptions.service import PlanChange, describe_subscription
from app.subscriptions.states import OWING, PAID, SUSPENDED

OVER = ("canceled", "incomplete_expired")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StripeFacts:
    """A subscription as Stripe had it when it was retrieved; our catalogue's names in place of Stripe's prices.

    `ref` is Stripe's id, `state` Stripe's word. `ours` is the row of ours that it pays for, None until there is one
    (`sync_from_stripe` says which: keep its `subscription_id`). `ended_at` is set for canceled and incomplete_expired.
    """

    ref: str
    state: str
    plan_version_id: UUID
    interval: str
    currency: str
    anchor_at: datetime
    started_at: datetime
    billing: Period
    cancel_at_period_end: bool
    ended_at: datetime | None
    ours: UUID | None

    @property
    def begins_at(self) -> datetime:
        """When it began to hold: at its anchor, but a trial begins before it, and a moved anchor lies after it."""
        return self.anchor_at if abs(self.anchor_at - self.started_at) <= SKEW else self.started_at

    def ends_at(self, now: datetime) -> datetime:
        """When it ended: at the end of the period paid for, where Stripe took a moment longer."""
        ended = min(self.ended_at or now, now)
        return self.billing.end if self.billing.end <= ended <= self.billing.end + SKEW else ended


def sync_from_stripe(session: Session, org_id: UUID, facts: StripeFacts, *, actor: Actor, now: datetime) -> PlanChange:
    """Follow Stripe's subscription. Safe to repeat and to be late; audited. Takes the org's usage lock.

    Trialing, active and past due hold the plan; unpaid and paused hold it with the default plan's limits; incomplete
    grants nothing; what has ended never opens again. Of two at once the first wins, the second changes nothing.
    Returns what changed; the caller keeps `subscription_id` with Stripe's subscription, and has metering recount from
    `recount_from` in the same transaction. Raises `NotFound` (org), `ValueError` (a state that Stripe does not have).
    """
    accounts.org(session, org_id)
    periods.lock_usage(session, org_id)
    mine = _ours(session, org_id, facts)
    if facts.state in OVER:
        return _over(session, org_id, mine, facts, actor=actor, now=now)
    if facts.state == "incomplete" or (mine is not None and mine.ended_at is not None):
        return PlanChange(changed=False, subscription_id=mine.id if mine else None)
    if facts.state not in (*PAID, *OWING, *SUSPENDED):
        raise ValueError(f"Stripe has no subscription that is {facts.state!r}")
    if mine is None:
        return _start(session, org_id, facts, actor=actor, now=now)
    return _carry_on(session, org_id, mine, facts, actor=actor, now=now)


def _ours(session: Session, org_id: UUID, facts: StripeFacts) -> Subscription | None:
    if facts.ours is None:
        return None
    asked = select(Subscription).where(Subscription.org_id == org_id, Subscription.id == facts.ours)
    return session.scalars(asked.execution_options(populate_existing=True)).one()


def _start(session: Session, org_id: UUID, facts: StripeFacts, *, actor: Actor, now: datetime) -> PlanChange:
    """The org has bought a plan: a usage period starts at its anchor, also when that was weeks ago."""
    held = queries.find_subscription(session, org_id)
    if held is not None and held.collection == "stripe":
        log.warning("a second subscription at Stripe grants nothing", org_id=str(org_id), ref=facts.ref)
        return PlanChange(changed=False)
    before, at = describe_subscription(session, held), _begin(session, org_id, facts, now)
    taken = _open(session, org_id, facts, at, held=held, now=now)
    moved = renewals.align_periods(session, taken, now)
    states.apply_status(session, taken, facts.state, cancels=facts.cancel_at_period_end, actor=actor, now=now)
    audit(session, actor, "subscription.started", on=("subscription", taken.id), org_id=org_id,
          before=before, after=describe_subscription(session, taken), now=now)  # fmt: skip
    return PlanChange(True, min(at, moved or at), taken.id)


def _carry_on(
    session: Session, org_id: UUID, mine: Subscription, facts: StripeFacts, *, actor: Actor, now: datetime
) -> PlanChange:
    """Take over what is different: the plan, the billing period, the state, a planned cancellation."""
    if facts.billing.start < mine.billing_starts_at:
        return PlanChange(changed=False, subscription_id=mine.id)  # an older answer: Stripe's periods only go forward
    periods.extend_periods(session, org_id, now, now + periods.AHEAD, now)
    before, was = describe_subscription(session, mine), mine
    if (mine.plan_version_id, mine.interval, mine.currency) != (facts.plan_version_id, facts.interval, facts.currency):
        mine = _change_plan(session, mine, facts, now)
    else:
        renewals.apply_billing_period(session, mine, facts.billing, facts.anchor_at, now)
    moved = renewals.align_periods(session, mine, now)
    states.apply_status(session, mine, facts.state, cancels=facts.cancel_at_period_end, actor=actor, now=now)
    after = describe_subscription(session, mine)
    changed = mine is not was or before != after
    if changed:
        audit(session, actor, "subscription.changed", on=("subscription", mine.id), org_id=org_id,
              before=before, after=after, now=now)  # fmt: skip
    return PlanChange(changed or moved is not None, moved, mine.id)


def _over(
    session: Session, org_id: UUID, mine: Subscription | None, facts: StripeFacts, *, actor: Actor, now: datetime
) -> PlanChange:
    """The end: the Free plan's calendar period starts there. What was bought and ended unheard of is written down."""
    at, recount_from = facts.ends_at(now), None
    if mine is None:
        begun = _begin(session, org_id, facts, now)
        if facts.state != "canceled" or begun >= at or queries.find_subscription(session, org_id) is not None:
            return PlanChange(changed=False)
        mine, recount_from = _open(session, org_id, facts, begun, held=None, now=now), begun
    elif mine.ended_at is not None:
        return PlanChange(changed=False, subscription_id=mine.id)
    before, at = describe_subscription(session, mine), max(at, mine.started_at)
    if facts.billing.start >= mine.billing_starts_at:
        renewals.apply_billing_period(session, mine, facts.billing, facts.anchor_at, now)
    payment_restriction.restore_limits(
        session, mine, now
    )  # what is past keeps the plan's own, whatever we heard and when
    holding = realign_periods.open_period_at(session, org_id, at, now)
    mine.state, mine.ended_at = "ended", at
    mine.cancel_at_period_end = facts.cancel_at_period_end
    session.flush()
    realign_periods.restart_periods(session, org_id, holding, at, now)
    events.record_event(session, mine, "ended", key=at.isoformat(), at=at, now=now)
    audit(session, actor, "subscription.ended", on=("subscription", mine.id), org_id=org_id,
          before=before, after=describe_subscription(session, mine), now=now)  # fmt: skip
    return PlanChange(True, recount_from or at, mine.id)


def _begin(session: Session, org_id: UUID, facts: StripeFacts, now: datetime) -> datetime:
    """When the first period starts: never ahead of us, and never before what was last decided for the org."""
    decided = [each.ended_at or each.started_at for each in queries.list_subscriptions(session, org_id)]
    return max([min(facts.begins_at, now), *decided])


def _open(
    session: Session, org_id: UUID, facts: StripeFacts, at: datetime, *, held: Subscription | None, now: datetime
) -> Subscription:
    """End what the org was on, open the row that Stripe's subscription pays for, and start its usage period."""
    holding = realign_periods.open_period_at(session, org_id, at, now)
    if held is not None:
        held.state, held.ended_at = "ended", at
        session.flush()
    taken = _row(org_id, facts, at)
    session.add(taken)
    session.flush()
    realign_periods.restart_periods(session, org_id, holding, at, now)
    events.record_event(session, taken, "started", key=at.isoformat(), at=at, now=now)
    renewals.record_renewals(session, taken, at, now)
    return taken


def _change_plan(session: Session, mine: Subscription, facts: StripeFacts, now: datetime) -> Subscription:
    """Another price on Stripe's subscription: the usage period runs on, with the new terms for all of it.

    It holds from the renewal that brought it, else from now.
    """
    renewed = facts.billing.start > mine.billing_starts_at
    at = max(min(facts.billing.start, now) if renewed else now, mine.started_at)
    mine.state, mine.ended_at, state = "ended", at, mine.state
    session.flush()
    taken = _row(mine.org_id, facts, at)
    taken.state, taken.cancel_at_period_end, taken.limited_at = state, mine.cancel_at_period_end, mine.limited_at
    if facts.interval == "year":
        taken.anchor_at = mine.anchor_at  # usage periods stay where they are: only what is paid for is longer
    session.add(taken)
    session.flush()
    realign_periods.open_period_at(session, mine.org_id, at, now)
    realign_periods.reapply_terms(session, mine.org_id, at)
    events.record_event(session, taken, "plan_changed", key=at.isoformat(), at=at, now=now)
    return taken


def _row(org_id: UUID, facts: StripeFacts, at: datetime) -> Subscription:
    return Subscription(
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
        cancel_at_period_end=False,
    )
