"""What became of a confirmed change: applied, waiting for the customer's bank or another card, or not done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from app.payments import billing_records
from app.payments.mirrors.sync_invoice import CONFIRM
from app.payments.models import StripeInvoice, StripeSubscription
from app.payments.plan_changes.attempts import get_plan_name
from app.payments.plan_changes.models import PlanChangeAttempt


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """The outcome. `confirm`: the bank asks the cardholder to confirm; `declined`: the card was; nothing has changed.

    Both can be paid at `pay_url` until `until`, when the change is dropped. `reason` is the bank's. `amount` was
    charged if applied, and is to be paid else; minor units.
    """

    state: Literal["applied", "confirm", "declined", "processing", "failed"]
    plan_name: str
    interval: str
    amount: int
    currency: str
    pay_url: str | None = None
    until: datetime | None = None
    reason: str | None = None


def describe_result(session: Session, row: PlanChangeAttempt) -> ChangeResult:
    """Describe a change by its row, its invoice and its billing record."""
    name = get_plan_name(session, row.plan_version_id)
    if row.state != "waiting":
        state: Literal["applied", "failed"] = "applied" if row.state == "applied" else "failed"
        return ChangeResult(state, name, row.interval, row.amount, row.currency, reason=row.failure)
    mirror = session.get_one(StripeSubscription, row.stripe_subscription_id)
    invoice = session.get(StripeInvoice, row.invoice_id) if row.invoice_id else None
    record = billing_records.find_by_invoice(session, row.org_id, row.invoice_id) if row.invoice_id else None
    return ChangeResult(
        _find_state(record.state if record else None, record.failure_code if record else None),
        name,
        row.interval,
        invoice.amount_remaining if invoice else row.amount,
        row.currency,
        pay_url=invoice.hosted_url if invoice else None,
        until=mirror.pending_expires_at,
        reason=record.failure if record else None,
    )


def _find_state(state: str | None, code: str | None) -> Literal["confirm", "declined", "processing"]:
    if state == "failed":
        return "confirm" if code == CONFIRM else "declined"
    return "processing"
