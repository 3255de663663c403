"""Applies Stripe's billing period: records renewals and aligns our usage periods with it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.kit.periods import Period, anchored
from app.subscriptions import events, realign_periods
from app.subscriptions.models import Subscription
from app.subscriptions.period_schedule import MONTHS, SKEW, SLACK


def apply_billing_period(
    session: Session, subscription: Subscription, billing: Period, anchor_at: datetime, now: datetime
) -> None:
    """Apply Stripe's billing period and anchor, recording every renewal since the last known period.

    Yearly subscriptions keep the anchor of their usage periods, which Stripe's invoices do not follow.
    """
    since = subscription.billing_starts_at
    subscription.billing_starts_at, subscription.billing_ends_at = billing.start, billing.end
    if subscription.interval == "month":
        subscription.anchor_at = anchor_at
    session.flush()
    record_renewals(session, subscription, since, now)


def record_renewals(session: Session, subscription: Subscription, since: datetime, now: datetime) -> None:
    """Record every renewal after `since` up to the current billing period, including those we received no event for.

    The first paid period after a trial is the trial's end, not a renewal.
    """
    start = subscription.billing_starts_at
    anchor = (
        subscription.anchor_at if subscription.interval == "month" else start
    )  # a yearly subscription's `anchor_at` is for usage only
    trial_end = subscription.trial_ends_at
    while start > since + SLACK and (trial_end is None or start > trial_end):
        events.record_event(session, subscription, "renewed", key=start.isoformat(), at=start, now=now)
        start = anchored(anchor, start - SLACK, "UTC", MONTHS[subscription.interval]).start
    if trial_end is not None and since < trial_end <= subscription.billing_starts_at:
        events.record_event(session, subscription, "trial_ended", key=trial_end.isoformat(), at=trial_end, now=now)


def align_periods(session: Session, subscription: Subscription, now: datetime) -> datetime | None:
    """Align our period boundaries with Stripe's billing boundaries; returns the time from which they moved.

    The first period starts with the subscription; a start that is off only by clock skew makes no sliver of a period.
    """
    realign_periods.lengthen_trial(session, subscription, now)
    moved = [
        realign_periods.align_boundary(session, subscription.org_id, at, now, far=subscription.interval == "month")
        for at in (subscription.billing_starts_at, subscription.billing_ends_at)
        if at > subscription.started_at + SKEW
    ]
    return min((at for at in moved if at is not None), default=None)
