"""Reads of payments; the org is the first argument."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Numeric, Row, Select, Text, TextualSelect, func, select, text, tuple_
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.kit.postgres.together import AnySelect, ask, fill, keep
from app.payments.checkout_models import Checkout
from app.payments.dunning.models import Dunning
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice, StripePrice, StripeSubscription
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions.sync_from_stripe import OVER

RENEWAL = "subscription_cycle"
"""The billing reason of a renewal's invoice."""
OPEN_CHECKOUT = ("opening", "open")
_TOTALS = text("""
SELECT currency, sum(amount) AS paid, sum(refunded) AS refunded FROM billing_records
WHERE org_id = :org_id AND state IN ('completed', 'refunded')
  AND (CAST(:state AS text) IS NULL OR state = :state OR (:state = 'refunded' AND refunded > 0))
  AND created_at >= coalesce(CAST(:start AS timestamptz), '-infinity')
  AND created_at < coalesce(CAST(:end AS timestamptz), 'infinity')
GROUP BY currency ORDER BY currency
""")
_IS_SECOND = text("SELECT true FROM payments_second_subscriptions WHERE org_id = :org_id AND id = :id")


_SECONDS = text("""
SELECT plan.plan_key, plan.plan_name, plan.number, second.amount, second.currency, second.interval, second.period_end
FROM payments_second_subscriptions second
JOIN catalog_versions plan ON plan.id = second.plan_version_id
WHERE second.org_id = :org_id ORDER BY second.id
""")
_OWED = text("""
SELECT invoice_id, amount, currency, created_at, confirm_url FROM payments_owed(:org_id) ORDER BY created_at, invoice_id
""")


@dataclass(frozen=True, slots=True)
class OwedInvoice:
    """An unpaid invoice; minor units. `confirm_url` is where the cardholder must confirm its payment."""

    invoice_id: str
    amount: int
    currency: str
    created_at: datetime
    confirm_url: str | None


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """A filter on billing records: by state, and created in [start, end). None means any.

    Refunded are all of which something went back, also a part.
    """

    state: str | None = None
    start: datetime | None = None
    end: datetime | None = None


def find_customer(session: Session, org_id: UUID) -> StripeCustomer | None:
    """Find the org's customer at Stripe; None before its first payment."""
    return next(iter(ask(session, select_customer(org_id))), None)


def select_customer(org_id: UUID) -> Select[StripeCustomer]:
    """Select the org's customer at Stripe."""
    return select(StripeCustomer).where(StripeCustomer.org_id == org_id, StripeCustomer.deleted_at.is_(None))


def find_open_subscription(session: Session, org_id: UUID) -> StripeSubscription | None:
    """Find the org's running Stripe subscription. If there are two, the one that our subscription follows."""
    return next(iter(ask(session, select_open_subscription(org_id))), None)


def select_open_subscription(org_id: UUID) -> Select[StripeSubscription]:
    """Select the org's running Stripe subscription."""
    return select(StripeSubscription).where(StripeSubscription.id == func.payments_open_subscription(org_id))


def prepare_open_subscriptions(session: Session, org_ids: Collection[UUID]) -> None:
    """Read in one statement what `find_open_subscription` finds for each of some orgs."""
    theirs = StripeSubscription.org_id.in_(org_ids)
    running = StripeSubscription.id == func.payments_open_subscription(StripeSubscription.org_id)
    found = {row.org_id: row for row in session.scalars(select(StripeSubscription).where(theirs, running))}
    keep(session, map(select_open_subscription, org_ids), ([found[each]] if each in found else [] for each in org_ids))


def find_paying_subscription(session: Session, org_id: UUID, subscription_id: UUID) -> StripeSubscription | None:
    """Find the Stripe subscription, running or ended, that pays for a subscription of ours."""
    query = select(StripeSubscription).where(
        StripeSubscription.org_id == org_id, StripeSubscription.subscription_id == subscription_id
    )
    return session.scalars(query.order_by(StripeSubscription.created_at.desc())).first()


def find_renewal_draft(
    session: Session, org_id: UUID, stripe_subscription_id: str, start: tuple[datetime, datetime]
) -> StripeInvoice | None:
    """Find the draft of a renewal whose period starts within the bounds, as we know it."""
    query = select(StripeInvoice).where(
        StripeInvoice.org_id == org_id,
        StripeInvoice.stripe_subscription_id == stripe_subscription_id,
        StripeInvoice.billing_reason == RENEWAL,
        StripeInvoice.status == "draft",
        StripeInvoice.period_start.between(*start),
    )
    return session.scalars(query).first()


def list_subscription_invoices(
    session: Session, org_id: UUID, stripe_subscription_id: str, since: datetime
) -> Sequence[StripeInvoice]:
    """List the final, collectable invoices of a subscription that were created since, oldest first."""
    query = select(StripeInvoice).where(
        StripeInvoice.org_id == org_id,
        StripeInvoice.stripe_subscription_id == stripe_subscription_id,
        StripeInvoice.status.in_(("open", "paid")),
        StripeInvoice.created_at >= since,
    )
    return session.scalars(query.order_by(StripeInvoice.created_at)).all()


def list_final_invoices(session: Session, ids: Collection[str]) -> set[str]:
    """List which of some invoices are drafts no more, as we know them."""
    query = select(StripeInvoice.id).where(StripeInvoice.id.in_(ids), StripeInvoice.status != "draft")
    return set(session.scalars(query))


def is_second_subscription(session: Session, org_id: UUID, subscription_id: str) -> bool:
    """Whether a Stripe subscription runs beside the one that the org's plan follows, and so grants nothing."""
    return bool(session.scalar(_IS_SECOND, {"org_id": org_id, "id": subscription_id}))


def list_second_subscriptions(session: Session, org_id: UUID) -> Sequence[Row[Any]]:
    """List subscriptions that Stripe charges beside the one that the org's plan follows; they grant nothing.

    Worked example: Starter beside Pro: one row, plan_key starter, amount 1900, USD, month.
    """
    return session.execute(_SECONDS, {"org_id": org_id}).all()


def find_price(session: Session, price_id: str) -> StripePrice | None:
    """Find a pushed price by its Stripe id."""
    return next(iter(ask(session, select_price(price_id))), None)


def select_price(price_id: str) -> Select[StripePrice]:
    """Select a pushed price by its Stripe id."""
    return select(StripePrice).where(StripePrice.id == price_id)


def find_prices(session: Session, ids: Collection[str]) -> dict[str, StripePrice]:
    """Find pushed prices by their Stripe ids."""
    if not ids:
        return {}
    return {price.id: price for price in session.scalars(select(StripePrice).where(StripePrice.id.in_(ids)))}


def find_own_terms(session: Session, billed: StripeSubscription | RemoteSubscription) -> str | None:
    """Say in what a subscription is not billed as one of our plans; None: it is, or it has ended.

    Such as "price price_1 matches no plan" or "quantity 3". The view `payments_prices_unknown` lists the same.
    """
    if billed.status in OVER:
        return None
    if find_price(session, billed.price_id) is None:
        return f"price {billed.price_id} matches no plan"
    if billed.item_count != 1:
        return f"{billed.item_count} items"
    return f"quantity {billed.quantity}" if billed.quantity != 1 else None


def find_version_price(session: Session, plan_version_id: UUID, interval: str, currency: str) -> StripePrice | None:
    """Find a plan version's price at Stripe; None before `flask catalog push`."""
    return next(iter(ask(session, select_version_price(plan_version_id, interval, currency))), None)


def select_version_price(plan_version_id: UUID, interval: str, currency: str) -> Select[StripePrice]:
    """Select a plan version's price at Stripe."""
    return select(StripePrice).where(
        StripePrice.plan_version_id == plan_version_id,
        StripePrice.interval == interval,
        StripePrice.currency == currency,
    )


def get_checkout(session: Session, org_id: UUID, checkout_id: UUID) -> Checkout:
    """Get a checkout of the org; raises `NotFound`."""
    checkout = session.get(Checkout, checkout_id)
    if checkout is None or checkout.org_id != org_id:
        raise NotFound("There is no such checkout.")
    return checkout


def find_checkout(session: Session, checkout_id: UUID) -> Checkout | None:
    """Find a checkout of any org: the caller checks whether the viewer may see it."""
    return session.get(Checkout, checkout_id)


def find_open_checkout(session: Session, org_id: UUID, purpose: str) -> Checkout | None:
    """Find the org's open checkout for a purpose ("subscription", "card")."""
    query = select(Checkout).where(
        Checkout.org_id == org_id, Checkout.purpose == purpose, Checkout.state.in_(OPEN_CHECKOUT)
    )
    return session.scalars(query).one_or_none()


def find_invoices_by_id(session: Session, org_id: UUID, ids: list[str]) -> dict[str, StripeInvoice]:
    """Find invoices by id, for the numbers and links on a page of billing records."""
    return {invoice.id: invoice for invoice in ask(session, select_invoices(org_id, ids))}


def select_invoices(org_id: UUID, ids: Collection[str] | AnySelect) -> Select[StripeInvoice]:
    """Select the org's invoices at Stripe by id."""
    return select(StripeInvoice).where(StripeInvoice.org_id == org_id, StripeInvoice.id.in_(ids))


def search_invoices_by_number(session: Session, org_id: UUID, part: str, limit: int) -> list[StripeInvoice]:
    """Search the org's invoices at Stripe for part of a number, in any case, newest first."""
    matching = StripeInvoice.org_id == org_id, StripeInvoice.number.icontains(part, autoescape=True)
    query = select(StripeInvoice).where(*matching).order_by(StripeInvoice.created_at.desc())
    return list(session.scalars(query.limit(limit)))


def list_owed(session: Session, org_id: UUID) -> Sequence[OwedInvoice]:
    """List the invoices that the org owes for its running subscription, oldest first.

    Worked example: unpaid since two months at 49.00 USD: the open invoice and two drafts, 4900 each.
    """
    return [OwedInvoice(*row) for row in ask(session, select_owed(org_id))]


def select_owed(org_id: UUID) -> TextualSelect:
    """Select what `list_owed` lists."""
    return fill(_OWED, org_id=org_id).columns(
        invoice_id=Text, amount=BigInteger, currency=Text, created_at=DateTime(timezone=True), confirm_url=Text
    )


def list_billing_records(
    session: Session, org_id: UUID, record_filter: RecordFilter, before: tuple[datetime, UUID] | None, limit: int
) -> list[BillingRecord]:
    """List billing records, newest first; `before` is the (created_at, id) of the last one seen."""
    return ask(session, select_billing_records(org_id, record_filter, before, limit))


def select_billing_records(
    org_id: UUID, record_filter: RecordFilter, before: tuple[datetime, UUID] | None, limit: int
) -> Select[BillingRecord]:
    """Select what `list_billing_records` lists."""
    query = select(BillingRecord).where(BillingRecord.org_id == org_id)
    if record_filter.state == "refunded":
        query = query.where(BillingRecord.refunded > 0)
    elif record_filter.state is not None:
        query = query.where(BillingRecord.state == record_filter.state)
    if record_filter.start is not None:
        query = query.where(BillingRecord.created_at >= record_filter.start)
    if record_filter.end is not None:
        query = query.where(BillingRecord.created_at < record_filter.end)
    if before is not None:
        query = query.where(tuple_(BillingRecord.created_at, BillingRecord.id) < before)
    return query.order_by(BillingRecord.created_at.desc(), BillingRecord.id.desc()).limit(limit)


def list_totals(session: Session, org_id: UUID, record_filter: RecordFilter) -> Sequence[Row[Any]]:
    """List what was paid and refunded by currency, over all pages of a filter.

    Worked example: two payments of 49.00 USD are one row, paid 9800.
    """
    return ask(session, select_totals(org_id, record_filter))


def select_totals(org_id: UUID, record_filter: RecordFilter) -> TextualSelect:
    """Select what `list_totals` lists."""
    shown = record_filter
    return fill(_TOTALS, org_id=org_id, state=shown.state, start=shown.start, end=shown.end).columns(
        currency=Text, paid=Numeric, refunded=Numeric
    )


def find_checkout_record(session: Session, org_id: UUID, checkout_id: UUID) -> BillingRecord | None:
    """Find the billing record of a checkout."""
    query = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.checkout_id == checkout_id)
    return session.scalars(query).one_or_none()


def find_dunning(session: Session, org_id: UUID) -> Dunning | None:
    """Find the dunning of a failed renewal that is still open; the older if there are two."""
    running = select(Dunning).where(Dunning.org_id == org_id, Dunning.ended_at.is_(None))
    return session.scalars(running.order_by(Dunning.started_at)).first()
