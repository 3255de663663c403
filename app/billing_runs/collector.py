"""Who collects what a usage period came to: Stripe, we ourselves, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.invoices.discounts import PercentOff, read_percentages
from app.kit.periods import Period
from app.payments import queries as payments
from app.payments.models import StripeSubscription
from app.subscriptions import queries
from app.subscriptions.overage.consents import has_consent_in
from app.subscriptions.states import KEPT
from app.subscriptions.terms.facts import list_collecting

NOBODY, OFFLINE, STRIPE = "none", "offline", "stripe"
_BILLED_AGAIN = KEPT | {"canceled"}


@dataclass(frozen=True, slots=True)
class Collector:
    """How a period is collected, and from which customer and subscription at Stripe.

    `finalizes` False: the subscription is unpaid, or it or its collection is paused; its drafts stay drafts until the
    org pays or resumes.
    """

    how: str
    customer_id: str | None = None
    stripe_subscription_id: str | None = None
    finalizes: bool = True
    boundaries: tuple[datetime, ...] = ()
    """Where the subscription's paid period begins and ends: a renewal has its draft at one of them, if any."""
    discounts: tuple[PercentOff, ...] = ()
    """The subscription's percentage discounts that outlast the period."""


def find_collector(session: Session, org_id: UUID, period: Period) -> Collector:
    """Find who collects a period: whoever did last in it. A subscription collects up to its last instant.

    Where an org without one pays for overage, Stripe collects that from its customer.
    """
    collecting = list_collecting(queries.list_subscriptions(session, org_id), period)
    if not collecting and not has_consent_in(session, org_id, period):
        return Collector(NOBODY)
    last = collecting[0] if collecting else None
    if last is not None and last.collection != STRIPE:
        return Collector(OFFLINE)
    customer = payments.find_customer(session, org_id)
    if last is None:
        return Collector(STRIPE, customer.id if customer else None)
    remote = payments.find_paying_subscription(session, org_id, last.id) or payments.find_open_subscription(
        session, org_id
    )
    return Collector(
        STRIPE,
        customer.id if customer else None,
        remote.id if remote else None,
        finalizes=remote is None or (remote.status in _BILLED_AGAIN and remote.collection_paused is None),
        boundaries=(remote.period_start, remote.period_end) if remote else (),
        discounts=_list_discounts(remote, period.end) if remote else (),
    )


def _list_discounts(remote: StripeSubscription, at: datetime) -> tuple[PercentOff, ...]:
    """As Stripe gives a renewal at that instant: one that ends then is over."""
    ends = [each["ends_at"] and datetime.fromisoformat(each["ends_at"]) for each in remote.discounts]
    lasting = [each for each, end in zip(remote.discounts, ends, strict=True) if end is None or end > at]
    return tuple(read_percentages(lasting))
