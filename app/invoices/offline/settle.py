"""What becomes of an invoice of ours: paid, void or written off. Each under a lock on it; each safe to repeat."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.invoices.models import InvoiceLine
from app.invoices.offline import emails
from app.invoices.offline.models import OPEN, PAID, VOID, WRITTEN_OFF, IssuedInvoice
from app.invoices.offline.queries import get_issued, lock_issued
from app.invoices.offline.reminders import find_next_email
from app.kit.actor import Actor
from app.kit.errors import Conflict, FieldError, InvalidRequest
from app.subscriptions.periods import lock_usage

_PAYABLE = (OPEN, WRITTEN_OFF)


def apply_payment(session: Session, issued: IssuedInvoice, amount: int, now: datetime) -> None:
    """Note a payment on a locked invoice, in minor units; one that was written off takes it too.

    Raises `Conflict` (void, or paid) or `InvalidRequest` (more than is left).
    """
    if issued.state not in _PAYABLE:
        raise Conflict(f"Invoice {issued.number} is {'void' if issued.state == VOID else 'paid in full'}.")
    if not 0 < amount <= issued.remaining:
        raise InvalidRequest(
            "The payment cannot be recorded.", [FieldError("amount", "must be above zero and at most what is left")]
        )
    if amount == issued.remaining:
        _close(issued, PAID, now)
    issued.paid += amount
    session.flush()
    session.refresh(issued)


def take_back_payment(session: Session, issued: IssuedInvoice, amount: int, now: datetime) -> None:
    """Take a payment that was recorded by mistake off a locked invoice, in minor units, which is then owed again.

    Its reminders go on where they stopped. One that had been written off before it was paid is written off again.
    """
    issued.paid -= amount
    if issued.state == PAID and issued.reason is not None:
        _close(issued, WRITTEN_OFF, now)
    elif issued.state == PAID:
        issued.state, issued.settled_at, issued.next_mail_at = OPEN, None, find_next_email(issued, now)
    session.flush()
    session.refresh(issued)


def apply_credit(session: Session, issued: IssuedInvoice, amount: int, now: datetime) -> None:
    """Take a credit note off a locked open invoice, in minor units; the caller has checked that so much is left."""
    if amount == issued.remaining:
        _close(issued, PAID, now)
    issued.credited += amount
    session.flush()
    session.refresh(issued)


def void_invoice(session: Session, invoice_id: UUID, reason: str, *, actor: Actor, now: datetime) -> bool:
    """Void an invoice of which nothing is paid, on behalf of staff; it keeps its number. Audited.

    Its lines wait for another invoice, which bills them again. False if it was void. Raises `Conflict`, `NotFound`.
    """
    # Its lines are free once it is void: whoever puts them on another invoice waits.
    lock_usage(session, get_issued(session, invoice_id).org_id)
    issued = lock_issued(session, invoice_id)
    if issued.state == VOID:
        return False
    if issued.state != OPEN or issued.paid or issued.credited:
        raise Conflict(f"Only an unpaid invoice can be voided, and {issued.number} is {_describe(issued)}.")
    issued.reason = reason
    _close(issued, VOID, now)
    session.flush()
    session.execute(update(InvoiceLine).where(InvoiceLine.invoice_id == invoice_id).values(invoice_id=None))
    if issued.mails:
        emails.queue_void(session, issued, now)
    _audit(session, issued, "invoice.voided", actor, now)
    return True


def write_off(session: Session, invoice_id: UUID, reason: str, *, actor: Actor, now: datetime) -> bool:
    """Give up what is left of an open invoice, on behalf of staff. A payment can still be recorded later. Audited.

    False if it was written off. Raises `Conflict` (paid or void), `NotFound`.
    """
    issued = lock_issued(session, invoice_id)
    if issued.state == WRITTEN_OFF:
        return False
    if issued.state != OPEN:
        raise Conflict(f"Only an open invoice can be written off, and {issued.number} is {_describe(issued)}.")
    issued.reason = reason
    issued.written_off, issued.written_off_at = issued.remaining, now
    _close(issued, WRITTEN_OFF, now)
    session.flush()
    _audit(session, issued, "invoice.written_off", actor, now)
    return True


def _close(issued: IssuedInvoice, state: str, now: datetime) -> None:
    issued.state, issued.settled_at, issued.next_mail_at = state, now, None


def _describe(issued: IssuedInvoice) -> str:
    if issued.state == OPEN:
        return "partly paid" if issued.paid else "partly credited"
    return {PAID: "paid", VOID: "void", WRITTEN_OFF: "written off"}[issued.state]


def _audit(session: Session, issued: IssuedInvoice, action: str, actor: Actor, now: datetime) -> None:
    after = {"state": issued.state, "remaining": issued.remaining, "currency": issued.currency, "reason": issued.reason}
    audit(session, actor, action, on=("invoice", issued.invoice_id), org_id=issued.org_id,
          before={"state": OPEN}, after=after, now=now)  # fmt: skip
