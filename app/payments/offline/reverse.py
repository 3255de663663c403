"""Reverses a payment of our own invoice that was recorded by mistake: the record stays, the invoice is owed again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.invoices.offline import emails
from app.invoices.offline.queries import lock_issued
from app.invoices.offline.settle import take_back_payment
from app.kit.actor import Actor
from app.kit.errors import NotFound
from app.payments.models import BillingRecord

REVERSED = "reversed"


def reverse_payment(
    session: Session, invoice_id: UUID, payment_id: UUID, reason: str, *, actor: Actor, now: datetime
) -> bool:
    """Reverse a payment that never came, on behalf of staff; False if it was reversed. Audited; members are told.

    Under the lock on the invoice, which is open again, with its reminders. Raises `NotFound`.
    """
    issued = lock_issued(session, invoice_id)
    record = session.get(BillingRecord, payment_id, populate_existing=True)
    if record is None or record.offline_invoice_id != invoice_id:
        raise NotFound("There is no such payment of this invoice.")
    if record.state == REVERSED:
        return False
    record.state, record.reversed_at, record.reversed_for = REVERSED, now, reason
    take_back_payment(session, issued, record.amount, now)
    day = (record.settled_at or record.created_at).astimezone(ZoneInfo(issued.time_zone)).date()
    emails.queue_reversal(session, issued, record.id, amount=record.amount, day=day, now=now)
    audit(session, actor, "payment.reversed", on=("billing_record", record.id), org_id=issued.org_id,
          before={"state": "completed"},
          after={"invoice": issued.number, "amount": record.amount, "currency": record.currency, "reason": reason,
                 "state": issued.state, "remaining": issued.remaining}, now=now)  # fmt: skip
    return True
