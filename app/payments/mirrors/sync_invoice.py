"""The mirror of an invoice, and the billing record that it settles."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.orgs.service import fix_currency
from app.audit.service import write as audit
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.payments import billing_records, queries
from app.payments.dunning import emails
from app.payments.errors import NotOurs
from app.payments.models import BillingRecord, StripeInvoice, StripeSubscription
from app.stripe_gateway.types import Intent, Invoice

REASONS = {
    "subscription_create": "subscription_start",
    "subscription_cycle": "subscription_renewal",
    "subscription_update": "subscription_change",
    "subscription_threshold": "subscription_change",
}
TOLD = frozenset({"subscription_start", "subscription_renewal"})
_RANK = {"draft": 0, "open": 1, "uncollectible": 2, "paid": 3, "void": 3}
_GIVEN_UP = {"void": "The invoice was cancelled.", "uncollectible": "The invoice was written off."}
_FAILED = "The payment did not go through."
_CONFIRM = "The bank asks for your confirmation of this payment (3-D Secure)."


def sync_invoice(
    session: Session, org_id: UUID, found: Invoice, now: datetime, *, intent: Intent | None = None
) -> BillingRecord | None:
    """Write the invoice down as Stripe has it and settle its billing record; None for a draft.

    `intent` is the invoice's payment, retrieved by the caller where there is one: its card, and Stripe's words of a
    failure. Paid, void and written-off invoices do not go back. The first payment and renewals are receipted by mail.
    """
    mirror = session.get(StripeInvoice, found.id)
    if mirror is None:
        mirror = StripeInvoice(id=found.id, org_id=org_id, created_at=found.created_at)
        session.add(mirror)
    elif mirror.org_id != org_id:
        raise NotOurs(f"Invoice {found.id} belongs to another organisation.")
    elif _goes_back(mirror.status, found.status):
        return billing_records.find_by_invoice(session, org_id, found.id)
    _write(mirror, found, now)
    session.flush()
    if found.status == "draft":
        return None
    record = _record(session, org_id, found)
    news = _settle(record, found, intent, now)
    session.flush()
    if news and record.amount > 0:
        fix_currency(session, org_id, record.currency)
        if record.reason in TOLD:
            emails.queue_receipt(session, record, now)
    if news:
        audit(session, SYSTEM, "payment.completed", on=("billing_record", record.id), org_id=org_id,
              after={"amount": record.amount, "currency": record.currency}, now=now)  # fmt: skip
    return record


def _goes_back(known: str, said: str) -> bool:
    """Whether Stripe cannot have said that later: paid and void are the end, each by itself."""
    return _RANK[said] < _RANK[known] or (_RANK[said] == _RANK[known] and said != known)


def _write(mirror: StripeInvoice, found: Invoice, now: datetime) -> None:
    mirror.stripe_subscription_id = found.subscription_id
    mirror.number, mirror.status, mirror.billing_reason = found.number, found.status, found.billing_reason
    mirror.currency, mirror.total, mirror.tax = found.currency, found.total, found.tax
    mirror.amount_due, mirror.amount_paid = found.amount_due, found.amount_paid
    mirror.amount_remaining = found.amount_remaining
    mirror.period_start, mirror.period_end = found.period_start, found.period_end
    mirror.attempt_count, mirror.next_attempt_at = found.attempt_count, found.next_attempt_at
    mirror.hosted_url, mirror.pdf_url = found.hosted_url, found.pdf_url
    mirror.finalized_at, mirror.paid_at = found.finalized_at, found.paid_at
    mirror.synced_at = now


def _record(session: Session, org_id: UUID, found: Invoice) -> BillingRecord:
    record = billing_records.find_by_invoice(session, org_id, found.id)
    if record is None and found.billing_reason == "subscription_create" and found.checkout_id is not None:
        record = billing_records.find_by_checkout(session, org_id, found.checkout_id)
        if record is not None and record.invoice_id is not None:
            record = None
    if record is None:
        record = BillingRecord(
            id=new_id(),
            org_id=org_id,
            state="pending",
            reason=REASONS.get(found.billing_reason or "", "one_off"),
            description=_described(session, found),
            refunded=0,
            created_at=found.created_at,
        )
        session.add(record)
    record.invoice_id = found.id
    record.amount, record.currency = found.amount_due, found.currency
    return record


def _described(session: Session, found: Invoice) -> str:
    """The plan that a subscription's invoice is for; else the invoice by its number."""
    subscription = session.get(StripeSubscription, found.subscription_id) if found.subscription_id else None
    price = queries.find_price(session, subscription.price_id) if subscription else None
    if price is None:
        return f"Invoice {found.number}" if found.number else "Invoice"
    return billing_records.describe_plan(session, price.plan_version_id, price.interval)


def _settle(record: BillingRecord, found: Invoice, intent: Intent | None, now: datetime) -> bool:
    """Move the record to where the invoice stands; whether it has just been completed."""
    card = intent.card if intent else None
    if found.status == "paid":
        paid_by = found.payment_intent_id if found.amount_paid else None
        return billing_records.complete(record, at=found.paid_at or now, transaction_id=paid_by, card=card)
    if found.status in _GIVEN_UP:
        billing_records.fail(record, at=now, code=found.status, words=_GIVEN_UP[found.status])
    elif found.attempt_count and not (intent and intent.status == "processing"):  # a bank debit takes days
        code, words = _failure(intent)
        billing_records.fail(record, at=now, code=code, words=words, transaction_id=found.payment_intent_id, card=card)
    return False


def _failure(intent: Intent | None) -> tuple[str | None, str]:
    if intent is None:
        return None, _FAILED
    if intent.status == "requires_action":
        return "authentication_required", _CONFIRM
    return intent.failure_code, intent.failure or _FAILED
