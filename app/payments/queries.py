"""All reads of payments; the org comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
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
NOT_BEGUN = ("incomplete", "incomplete_expired")


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which billing records: of a state, made in [start, end); None is all."""

    state: str | None = None
    start: datetime | None = None
    end: datetime | None = None


def find_customer(session: Session, org_id: UUID) -> StripeCustomer | None:
    """The org's customer at Stripe; none before its first payment."""
    chosen = select(StripeCustomer).where(StripeCustomer.org_id == org_id, StripeCustomer.deleted_at.is_(None))
    return session.scalars(chosen).one_or_none()


def find_open_subscription(session: Session, org_id: UUID) -> StripeSubscription | None:
    """What the org pays for at Stripe now: begun and not ended. Of two, the one that our subscription follows."""
    theirs = StripeSubscription
    chosen = select(theirs).where(
        theirs.org_id == org_id, theirs.ended_at.is_(None), theirs.status.not_in((*NOT_BEGUN, "canceled"))
    )
    followed_first = chosen.order_by(theirs.subscription_id.is_(None), theirs.created_at, theirs.id)
    return session.scalars(followed_first).first()


def find_price(session: Session, price_id: str) -> StripePrice | None:
    """A price as it was pushed."""
    return session.get(StripePrice, price_id)


def find_version_price(session: Session, plan_version_id: UUID, interval: str, currency: str) -> StripePrice | None:
    """The price at Stripe of a plan version; None before `flask catalog push`."""
    chosen = select(StripePrice).where(
        StripePrice.plan_version_id == plan_version_id,
        StripePrice.interval == interval,
        StripePrice.currency == currency,
    )
    return session.scalars(chosen).one_or_none()


def get_checkout(session: Session, org_id: UUID, checkout_id: UUID) -> Checkout:
    """A checkout of the org; `NotFound` otherwise."""
    found = session.get(Checkout, checkout_id)
    if found is None or found.org_id != org_id:
        raise NotFound("There is no such checkout.")
    return found


def find_open_checkout(session: Session, org_id: UUID, purpose: str) -> Checkout | None:
    """The checkout of a purpose ("subscription", "card") that the org has open."""
    chosen = select(Checkout).where(
        Checkout.org_id == org_id, Checkout.purpose == purpose, Checkout.state.in_(OPEN_CHECKOUT)
    )
    return session.scalars(chosen).one_or_none()


def find_invoices_by_id(session: Session, org_id: UUID, ids: list[str]) -> dict[str, StripeInvoice]:
    """The invoices of a page of billing records, for their numbers and links."""
    chosen = select(StripeInvoice).where(StripeInvoice.org_id == org_id, StripeInvoice.id.in_(ids))
    return {each.id: each for each in session.scalars(chosen)}


def find_unpaid_invoice(session: Session, org_id: UUID) -> StripeInvoice | None:
    """The oldest invoice that is open with something left to pay."""
    theirs = StripeInvoice
    chosen = select(theirs).where(theirs.org_id == org_id, theirs.status == "open", theirs.amount_remaining > 0)
    return session.scalars(chosen.order_by(theirs.created_at, theirs.id)).first()


def list_billing_records(
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


def find_dunning(session: Session, org_id: UUID) -> Dunning | None:
    """What runs since a renewal of the org failed; of two, the older."""
    running = select(Dunning).where(Dunning.org_id == org_id, Dunning.ended_at.is_(None))
    return session.scalars(running.order_by(Dunning.started_at)).first()
