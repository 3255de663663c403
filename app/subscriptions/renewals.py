"""The billing period as Stripe has it: renewals noted, and our usage periods brought in line with it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.kit.periods import Period, anchored
from app.subscriptions import events, realign_periods
from app.subscriptions.models import Subscription
from app.subscriptions.period_schedule import SKEW, SLACK
from app.subscriptions.service import MONTHS


def apply_billing_period(
    session: Session, held: Subscription, billing: Period, anchor_at: datetime, now: datetime
) -> None:
    """Take over Stripe's billing period, and its anchor; every renewal since the one known is noted.

    Who pays by the year keeps the anchor of the usage periods, which Stripe's invoices do not follow.
    """
    since = held.billing_starts_at
    held.billing_starts_at, held.billing_ends_at = billing.start, billing.end
    if held.interval == "month":
        held.anchor_at = anchor_at
    session.flush()
    record_renewals(session, held, since, now)


def record_renewals(session: Session, held: Subscription, since: datetime, now: datetime) -> None:
    """Note each renewal after `since` up to the present billing period, also those that nobody told us of."""
    start = held.billing_starts_at
    anchor = held.anchor_at if held.interval == "month" else start  # of years `anchor_at` is only the usage's
    while start > since + SLACK:
        events.record_event(session, held, "renewed", key=start.isoformat(), at=start, now=now)
        start = anchored(anchor, start - SLACK, "UTC", MONTHS[held.interval]).start


def align_periods(session: Session, held: Subscription, now: datetime) -> datetime | None:
    """Make Stripe's billing boundaries boundaries of ours; returns from when on events are to be recounted.

    The first period starts when the subscription did; where Stripe's clock ran ahead of ours, no sliver is cut.
    """
    moved = [
        realign_periods.align_boundary(session, held.org_id, at, now, far=held.interval == "month")
        for at in (held.billing_starts_at, held.billing_ends_at)
        if at > held.started_at + SKEW
    ]
    return min((at for at in moved if at is not None), default=None)
