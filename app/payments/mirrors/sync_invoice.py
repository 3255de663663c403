"""Syncs the mirror of an invoice and the billing record it settles."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.orgs.service import fix_currency
from app.audit.service import write as audit
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.payments import billing_records, queries
from app.payments.dunning import emails
from app.payments.errors import NotOurs
from app.payments.mirrors.retrieved import mark_retrieved
from app.payments.models import BillingRecord, StripeInvoice, StripeSubscription
from app.payments.plan_changes.attempts import find_record_to_bill
from app.stripe_gateway.invoice_types import ReceivedPayment, RemoteInvoice, RemoteLine
from app.stripe_gateway.types import Intent

CHANGED = "subscription_update"
"""The billing reason of the invoice of a change of plan."""
REASONS = {
    "subscription_create": "subscription_start",
    "subscription_cycle": "subscription_renewal",
    CHANGED: "subscription_change",
    "subscription_threshold": "subscription_change",
}
USAGE = "usage"
_RANK = {"draft": 0, "open": 1, "uncollectible": 2, "paid": 3, "void": 3}
_CLOSED_UNPAID = {"void": "The invoice was cancelled.", "uncollectible": "The invoice was written off."}
_FAILED = "The payment did not go through."
CONFIRM = "authentication_required"
"""The failure code of a payment that the cardholder must confirm (3-D Secure); `payments_owed` reads it."""
_CONFIRM = "Your bank requires you to confirm this payment (3-D Secure)."


def sync_invoice(
    session: Session, org_id: UUID, remote: RemoteInvoice, now: datetime, *, intent: Intent | None = None
) -> BillingRecord | None:
    """Sync the invoice and settle its billing record; None for a draft.

    `intent` is the invoice's payment if it has one, for the card and Stripe's failure message. Paid, void and
    written-off invoices never move back. Every payment is receipted by email.
    """
    mirror = session.get(StripeInvoice, remote.id)
    if mirror is None:
        mirror = StripeInvoice(id=remote.id, org_id=org_id, created_at=remote.created_at)
        session.add(mirror)
    elif mirror.org_id != org_id:
        raise NotOurs(f"Invoice {remote.id} belongs to another organisation.")
    elif _is_stale(mirror.status, remote.status):
        return billing_records.find_by_invoice(session, org_id, remote.id)
    _copy_fields(mirror, remote, now)
    session.flush()
    if remote.status == "draft":
        return None
    record = _ensure_record(session, org_id, remote)
    completed = _settle_record(record, remote, intent, now)
    session.flush()
    if completed and record.amount > 0:
        fix_currency(session, org_id, record.currency)
        emails.queue_receipt(session, record, mirror, now)
    if completed:
        audit(session, SYSTEM, "payment.completed", on=("billing_record", record.id), org_id=org_id,
              after={"amount": record.amount, "currency": record.currency}, now=now)  # fmt: skip
    return record


def _is_stale(known: str, received: str) -> bool:
    """Whether the received status must be older than the known one: paid and void are both final."""
    return _RANK[received] < _RANK[known] or (_RANK[received] == _RANK[known] and received != known)


def _copy_fields(mirror: StripeInvoice, remote: RemoteInvoice, now: datetime) -> None:
    mirror.stripe_subscription_id = remote.subscription_id
    mirror.number, mirror.status, mirror.billing_reason = remote.number, remote.status, remote.billing_reason
    mirror.currency, mirror.total, mirror.tax = remote.currency, remote.total, remote.tax
    mirror.included_tax = remote.included_tax
    mirror.amount_due, mirror.amount_paid = remote.amount_due, remote.amount_paid
    mirror.amount_remaining = remote.amount_remaining
    mirror.period_start, mirror.period_end = remote.period_start, remote.period_end
    mirror.attempt_count, mirror.next_attempt_at = remote.attempt_count, remote.next_attempt_at
    mirror.due_at = remote.due_at
    mirror.hosted_url, mirror.pdf_url = remote.hosted_url, remote.pdf_url
    mirror.finalized_at, mirror.paid_at = remote.finalized_at, remote.paid_at
    mirror.voided_at, mirror.uncollectible_at = remote.voided_at, remote.uncollectible_at
    mirror.payments = [_store_payment(payment) for payment in remote.payments]
    mirror.discount = remote.discount
    mirror.starting_balance, mirror.ending_balance = remote.starting_balance, remote.ending_balance
    if remote.lines is not None:
        mirror.lines = [_store_line(line) for line in remote.lines]
    mark_retrieved(mirror, now)


def _store_line(line: RemoteLine) -> dict[str, Any]:
    return {
        "description": line.description,
        "amount": line.amount,
        "discount": line.discount,
        "start": line.period_start.isoformat(),
        "end": line.period_end.isoformat(),
        "line": str(line.own_id) if line.own_id else None,
        "price": line.price_id,
    }


def _store_payment(payment: ReceivedPayment) -> dict[str, Any]:
    at = payment.at.isoformat()
    return {"id": payment.id, "amount": payment.amount, "at": at, "transaction": payment.transaction_id}


def _ensure_record(session: Session, org_id: UUID, remote: RemoteInvoice) -> BillingRecord:
    record = billing_records.find_by_invoice(session, org_id, remote.id)
    if record is None and remote.billing_reason == "subscription_create" and remote.checkout_id is not None:
        record = billing_records.find_by_checkout(session, org_id, remote.checkout_id)
        if record is not None and record.invoice_id is not None:
            record = None
    if record is None and remote.billing_reason == CHANGED and remote.subscription_id is not None:
        record = find_record_to_bill(session, org_id, remote.subscription_id)
    if record is None:
        record = BillingRecord(
            id=new_id(),
            org_id=org_id,
            state="pending",
            reason=USAGE if remote.own_id else REASONS.get(remote.billing_reason or "", "one_off"),
            description=_describe(session, remote),
            refunded=0,
            created_at=remote.created_at,
        )
        session.add(record)
    record.invoice_id = remote.id
    if record.state in {"pending", "failed"}:
        record.amount, record.currency = remote.amount_due, remote.currency
    return record


def _describe(session: Session, remote: RemoteInvoice) -> str:
    """The plan of a subscription's invoice, otherwise the invoice's number."""
    subscription = session.get(StripeSubscription, remote.subscription_id) if remote.subscription_id else None
    price = queries.find_price(session, subscription.price_id) if subscription else None
    if price is None:
        subject = "Usage, invoice" if remote.own_id else "Invoice"
        return f"{subject} {remote.number}" if remote.number else subject
    return billing_records.describe_plan(session, price.plan_version_id, price.interval)


def _settle_record(record: BillingRecord, remote: RemoteInvoice, intent: Intent | None, now: datetime) -> bool:
    """Update the record from the invoice's status; returns whether this completed it."""
    card = intent.card if intent else None
    if remote.status == "paid":
        transaction_id = remote.payment_intent_id if remote.amount_paid else None
        return billing_records.complete(record, at=remote.paid_at or now, transaction_id=transaction_id, card=card)
    if remote.status in _CLOSED_UNPAID:
        billing_records.fail(record, at=now, code=remote.status, words=_CLOSED_UNPAID[remote.status])
    elif remote.attempt_count and not (intent and intent.status == "processing"):  # a bank debit takes days
        code, words = _describe_failure(intent)
        billing_records.fail(record, at=now, code=code, words=words, transaction_id=remote.payment_intent_id, card=card)
    return False


def _describe_failure(intent: Intent | None) -> tuple[str | None, str]:
    if intent is None:
        return None, _FAILED
    # Off session the bank's demand is a decline with this code; on session the payment waits for the cardholder.
    if intent.status == "requires_action" or intent.failure_code == CONFIRM:
        return CONFIRM, _CONFIRM
    return intent.failure_code, intent.failure or _FAILED
