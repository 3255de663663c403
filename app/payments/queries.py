"""All reads of payments; the org comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text, tuple_
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.payments.models import (
    BillingRecord,
    Checkout,
    Dunning,
    StripeCustomer,
    StripeInvoice,
    StripePrice,
    StripeSubscription,
)

OPEN_CHECKOUT = ("opening", "open")
_TOTALS = text("""
SELECT currency, sum(amount) AS paid, sum(refunded) AS refunded FROM billing_records
WHERE org_id = :org_id AND state IN ('completed', 'refunded') AND (CAST(:state AS text) IS NULL OR state = :state)
  AND created_at >= coalesce(CAST(:start AS timestamptz), '-infinity')
  AND created_at < coalesce(CAST(:end AS timestamptz), 'infinity')
GROUP BY currency ORDER BY currency
""")


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which billing records: of a state, made in [start, end); None is all."""

    state: str | None = None
    start: datetime | None = None
    end: datetime | None = None


def customer(session: Session, org_id: UUID) -> StripeCustomer | None:
    """The org's customer at Stripe; none before its first payment."""
    chosen = select(StripeCustomer).where(StripeCustomer.org_id == org_id, StripeCustomer.deleted_at.is_(None))
    return session.scalars(chosen).one_or_none()


def open_subscription(session: Session, org_id: UUID) -> StripeSubscription | None:
    """What the org pays for at Stripe now: begun and not ended. Of two, the one that our subscription follows."""
    chosen = select(StripeSubscription).where(StripeSubscription.id == func.payments_open_subscription(org_id))
    return session.scalars(chosen).one_or_none()


def price(session: Session, price_id: str) -> StripePrice | None:
    """A price as it was pushed."""
    return session.get(StripePrice, price_id)


def price_of(session: Session, plan_version_id: UUID, interval: str, currency: str) -> StripePrice | None:
    """The price at Stripe of a plan version; None before `flask catalog push`."""
    chosen = select(StripePrice).where(
        StripePrice.plan_version_id == plan_version_id,
        StripePrice.interval == interval,
        StripePrice.currency == currency,
    )
    return session.scalars(chosen).one_or_none()


def checkout(session: Session, org_id: UUID, checkout_id: UUID) -> Checkout:
    """A checkout of the org; `NotFound` otherwise."""
    found = session.get(Checkout, checkout_id)
    if found is None or found.org_id != org_id:
        raise NotFound("There is no such checkout.")
    return found


def open_checkout(session: Session, org_id: UUID, purpose: str) -> Checkout | None:
    """The checkout of a purpose ("subscription", "card") that the org has open."""
    chosen = select(Checkout).where(
        Checkout.org_id == org_id, Checkout.purpose == purpose, Checkout.state.in_(OPEN_CHECKOUT)
    )
    return session.scalars(chosen).one_or_none()


def invoices_by_id(session: Session, org_id: UUID, ids: list[str]) -> dict[str, StripeInvoice]:
    """The invoices of a page of billing records, for their numbers and links."""
    chosen = select(StripeInvoice).where(StripeInvoice.org_id == org_id, StripeInvoice.id.in_(ids))
    return {each.id: each for each in session.scalars(chosen)}


def owed(session: Session, org_id: UUID) -> StripeInvoice | None:
    """The oldest invoice that is open with something left to pay."""
    return session.scalars(select(StripeInvoice).where(StripeInvoice.id == func.payments_owed(org_id))).one_or_none()


def history(
    session: Session, org_id: UUID, wanted: RecordFilter, before: tuple[datetime, UUID] | None, most: int
) -> list[BillingRecord]:
    """Billing records, newest first; `before` is the (created_at, id) of the last one seen."""
    chosen = select(BillingRecord).where(BillingRecord.org_id == org_id)
    if wanted.state is not None:
        chosen = chosen.where(BillingRecord.state == wanted.state)
    if wanted.start is not None:
        chosen = chosen.where(BillingRecord.created_at >= wanted.start)
    if wanted.end is not None:
        chosen = chosen.where(BillingRecord.created_at < wanted.end)
    if before is not None:
        chosen = chosen.where(tuple_(BillingRecord.created_at, BillingRecord.id) < before)
    return list(session.scalars(chosen.order_by(BillingRecord.created_at.desc(), BillingRecord.id.desc()).limit(most)))


def totals(session: Session, org_id: UUID, wanted: RecordFilter) -> Sequence[Row[Any]]:
    """What came in and what went back by currency, over all pages of a filter.

    Worked example: two payments of 49.00 USD are one row, paid 9800.
    """
    asked = {"org_id": org_id, "state": wanted.state, "start": wanted.start, "end": wanted.end}
    return session.execute(_TOTALS, asked).all()


def record_of_checkout(session: Session, org_id: UUID, checkout_id: UUID) -> BillingRecord | None:
    """The movement of money that a checkout made."""
    chosen = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.checkout_id == checkout_id)
    return session.scalars(chosen).one_or_none()


def dunning(session: Session, org_id: UUID) -> Dunning | None:
    """What runs since a renewal of the org failed; of two, the older."""
    running = select(Dunning).where(Dunning.org_id == org_id, Dunning.ended_at.is_(None))
    return session.scalars(running.order_by(Dunning.started_at)).first()
