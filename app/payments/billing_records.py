"""Billing records: a row before money moves, then what Stripe says of it. The states only go forward."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.ids import new_id
from app.payments.models import BillingRecord, Checkout
from app.stripe_gateway.types import Card

_RANK = {"pending": 0, "failed": 1, "completed": 2, "refunded": 3}
INTERVAL_WORDS = {"month": "monthly", "year": "yearly"}


def pending_for_checkout(
    session: Session, checkout: Checkout, now: datetime, *, taken: BillingRecord | None = None
) -> BillingRecord:
    """The record of a checkout for a subscription, pending; made once, before Stripe is asked for a page.

    `taken`: the pending one of the checkout that this one replaces, set free to go over to it.
    """
    found = of_checkout(session, checkout.org_id, checkout.id)
    if found is not None:
        return found
    if checkout.plan_version_id is None or checkout.amount is None or checkout.currency is None:
        raise ValueError("a checkout for a card moves no money")
    record = taken or BillingRecord(
        id=new_id(), org_id=checkout.org_id, state="pending", reason="subscription_start", refunded=0, created_at=now
    )
    record.checkout_id, record.amount, record.currency = checkout.id, checkout.amount, checkout.currency
    record.description = describe(session, checkout.plan_version_id, checkout.interval or "month")
    session.add(record)
    session.flush()
    return record


def of_checkout(session: Session, org_id: UUID, checkout_id: UUID) -> BillingRecord | None:
    """The record of a checkout of the org."""
    chosen = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.checkout_id == checkout_id)
    return session.scalars(chosen).one_or_none()


def of_invoice(session: Session, org_id: UUID, invoice_id: str) -> BillingRecord | None:
    """The record of an invoice of the org."""
    chosen = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.invoice_id == invoice_id)
    return session.scalars(chosen).one_or_none()


def of_transaction(session: Session, org_id: UUID, transaction_id: str) -> BillingRecord | None:
    """The record of the org that a payment intent paid."""
    chosen = select(BillingRecord).where(BillingRecord.transaction_id == transaction_id)
    return session.scalars(chosen.where(BillingRecord.org_id == org_id)).first()


def complete(record: BillingRecord, *, at: datetime, transaction_id: str | None, card: Card | None) -> bool:
    """Stripe has been paid at `at`; returns whether that is news. A total of nothing has no transaction."""
    if _RANK[record.state] >= _RANK["completed"]:
        return False
    record.state, record.settled_at = "completed", at
    record.transaction_id = transaction_id
    record.failure_code = record.failure = None
    _keep_card(record, card)
    return True


def fail(
    record: BillingRecord,
    *,
    at: datetime,
    code: str | None,
    words: str,
    transaction_id: str | None = None,
    card: Card | None = None,
) -> bool:
    """The payment failed or was given up; returns whether that is news. A later try may still complete it.

    A failed one keeps when it failed first, and takes the words of the last try.
    """
    if _RANK[record.state] > _RANK["failed"]:
        return False
    news = record.state != "failed"
    record.state, record.settled_at = "failed", at if news else record.settled_at
    record.failure_code, record.failure = code, words
    record.transaction_id = transaction_id or record.transaction_id
    _keep_card(record, card)
    return news


def refund(record: BillingRecord, refunded: int, *, at: datetime) -> None:
    """Of a completed record so many minor units went back in all; fewer than before when a refund failed.

    It counts as refunded only when all of it went back.
    """
    if record.state not in {"completed", "refunded"}:
        return
    record.refunded = min(refunded, record.amount)
    whole = record.amount > 0 and record.refunded == record.amount
    record.state = "refunded" if whole else "completed"
    record.settled_at = at if whole else record.settled_at


def describe(session: Session, plan_version_id: UUID, interval: str) -> str:
    """How a bill names a plan: "Pro plan, monthly"."""
    version = catalog.find_version(session, plan_version_id)
    if version is None:
        raise ValueError(f"no plan version {plan_version_id}")
    return f"{version.plan.name} plan, {INTERVAL_WORDS[interval]}"


def _keep_card(record: BillingRecord, card: Card | None) -> None:
    if card is not None:
        record.card_brand, record.card_last4 = card.brand, card.last4
