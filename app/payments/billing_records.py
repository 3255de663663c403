"""Billing records: written before money moves, then updated from Stripe. States only move forward."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.ids import new_id
from app.payments.checkout_models import Checkout
from app.payments.models import BillingRecord
from app.stripe_gateway.types import Card

_RANK = {"pending": 0, "failed": 1, "completed": 2, "refunded": 3}
INTERVAL_WORDS = {"month": "monthly", "year": "yearly"}


def ensure_pending_record(
    session: Session, checkout: Checkout, now: datetime, *, reuse: BillingRecord | None = None
) -> BillingRecord:
    """Return the pending record of a subscription checkout, creating it before the first call to Stripe.

    `reuse` is the pending record of the checkout being replaced, already detached from it.
    """
    existing = find_by_checkout(session, checkout.org_id, checkout.id)
    if existing is not None:
        return existing
    if checkout.plan_version_id is None or checkout.amount is None or checkout.currency is None:
        raise ValueError("a checkout for a card moves no money")
    record = reuse or BillingRecord(
        id=new_id(), org_id=checkout.org_id, state="pending", reason="subscription_start", refunded=0, created_at=now
    )
    trial = f", {checkout.trial_days}-day trial" if checkout.trial_days else ""
    amount = 0 if trial else checkout.amount
    record.checkout_id, record.amount, record.currency = checkout.id, amount, checkout.currency
    record.description = describe_plan(session, checkout.plan_version_id, checkout.interval or "month") + trial
    session.add(record)
    session.flush()
    return record


def find_by_checkout(session: Session, org_id: UUID, checkout_id: UUID) -> BillingRecord | None:
    """Find the org's record of a checkout."""
    query = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.checkout_id == checkout_id)
    return session.scalars(query).one_or_none()


def find_by_invoice(session: Session, org_id: UUID, invoice_id: str) -> BillingRecord | None:
    """Find the org's record of an invoice."""
    query = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.invoice_id == invoice_id)
    return session.scalars(query).one_or_none()


def find_by_transaction(session: Session, org_id: UUID, transaction_id: str) -> BillingRecord | None:
    """Find the org's record that a payment intent paid."""
    query = select(BillingRecord).where(BillingRecord.transaction_id == transaction_id)
    return session.scalars(query.where(BillingRecord.org_id == org_id)).first()


def find_payers(session: Session, transaction_ids: Collection[str]) -> dict[str, UUID]:
    """Find the orgs of some payment intents, as far as they paid one of our records."""
    query = select(BillingRecord.transaction_id, BillingRecord.org_id)
    found = session.execute(query.where(BillingRecord.transaction_id.in_(transaction_ids)))
    return {transaction_id: org_id for transaction_id, org_id in found if transaction_id is not None}


def complete(record: BillingRecord, *, at: datetime, transaction_id: str | None, card: Card | None) -> bool:
    """Mark the record paid at `at`; False if it already was. A total of zero has no transaction."""
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
    """Mark the payment failed or abandoned; False if it already was. A later attempt may still complete it.

    A failed record keeps the time of its first failure and the message of its last.
    """
    if _RANK[record.state] > _RANK["failed"]:
        return False
    first_failure = record.state != "failed"
    record.state, record.settled_at = "failed", at if first_failure else record.settled_at
    record.failure_code, record.failure = code, words
    record.transaction_id = transaction_id or record.transaction_id
    _keep_card(record, card)
    return first_failure


def record_refund(record: BillingRecord, refunded: int, *, at: datetime) -> None:
    """Set the total refunded so far on a completed record, in minor units; it drops when a refund fails.

    The state becomes refunded only when the whole amount has been returned.
    """
    if record.state not in {"completed", "refunded"}:
        return
    record.refunded = min(refunded, record.amount)
    in_full = record.amount > 0 and record.refunded == record.amount
    record.state = "refunded" if in_full else "completed"
    record.settled_at = at if in_full else record.settled_at


def describe_plan(session: Session, plan_version_id: UUID, interval: str) -> str:
    """Describe a plan as bills show it: "Pro plan, monthly"."""
    plan = catalog.find_plan_of_version(session, plan_version_id)
    if plan is None:
        raise ValueError(f"no plan version {plan_version_id}")
    return f"{plan.name} plan, {INTERVAL_WORDS[interval]}"


def _keep_card(record: BillingRecord, card: Card | None) -> None:
    if card is not None:
        record.card_brand, record.card_last4 = card.brand, card.last4
