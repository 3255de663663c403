"""Records a payment of an invoice of ours: a billing record, and what the invoice has left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.accounts.orgs.service import fix_currency
from app.audit.service import write as audit
from app.invoices.offline import emails
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import lock_issued
from app.invoices.offline.settle import apply_payment
from app.kit.actor import Actor
from app.kit.errors import Conflict, FieldError, InvalidRequest
from app.kit.fields import MOST_NAME
from app.kit.periods import midnight
from app.kit.postgres.together import ask
from app.payments.models import BillingRecord

REASON = "offline_invoice"
MOST_REFERENCE = MOST_NAME
_EARLIEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as staff enter it; `id` is chosen by the form, so that sending it twice records it once.

    `amount` in minor units of the invoice's currency; `day` in the organisation's zone; `reference` is the bank's.
    """

    id: UUID
    day: date
    amount: int
    reference: str


def record_payment(
    session: Session, invoice_id: UUID, payment: Payment, *, actor: Actor, now: datetime
) -> tuple[BillingRecord, bool]:
    """Record a payment, whole or in part, on behalf of staff; whether it is new. Audited; confirmed by email.

    Raises `NotFound`, `Conflict` (the invoice is void or paid in full) and `InvalidRequest` (more than is left, or a
    day that cannot be).
    """
    issued = lock_issued(session, invoice_id)
    known = session.get(BillingRecord, payment.id, populate_existing=True)
    if known is not None:
        if known.offline_invoice_id != invoice_id:
            raise Conflict("This payment was recorded for another invoice.")
        return known, False
    _check_day(issued, payment.day, now)
    apply_payment(session, issued, payment.amount, now)
    record = BillingRecord(
        id=payment.id,
        org_id=issued.org_id,
        state="completed",
        reason=REASON,
        description=f"Invoice {issued.number}",
        amount=payment.amount,
        refunded=0,
        currency=issued.currency,
        offline_invoice_id=invoice_id,
        reference=payment.reference,
        created_at=now,
        settled_at=midnight(payment.day, issued.time_zone),
    )
    session.add(record)
    session.flush()
    fix_currency(session, issued.org_id, issued.currency)
    emails.queue_payment(session, issued, record.id, amount=payment.amount, day=payment.day, now=now)
    after = {"invoice": issued.number, "amount": payment.amount, "currency": issued.currency,
             "paid_on": payment.day.isoformat(), "remaining": issued.remaining}  # fmt: skip
    audit(session, actor, "payment.recorded", on=("billing_record", record.id), org_id=issued.org_id, after=after,
          now=now)  # fmt: skip
    return record, True


def list_payments(session: Session, org_id: UUID, invoice_id: UUID) -> list[BillingRecord]:
    """List the payments of an invoice of ours, by day."""
    return ask(session, select_payments(org_id, invoice_id))


def select_payments(org_id: UUID, invoice_id: UUID) -> Select[BillingRecord]:
    """Select what `list_payments` lists."""
    query = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.offline_invoice_id == invoice_id)
    return query.order_by(BillingRecord.settled_at, BillingRecord.created_at)


def _check_day(issued: IssuedInvoice, day: date, now: datetime) -> None:
    today = now.astimezone(ZoneInfo(issued.time_zone)).date()
    if not issued.issued_on - _EARLIEST <= day <= today:
        problem = "must not be in the future" if day > today else "is more than a year before the invoice"
        raise InvalidRequest("The payment cannot be recorded.", [FieldError("day", problem)])
