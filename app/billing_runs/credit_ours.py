"""Issues credit notes on invoices of ours: a number of their own series, taken off what is due."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.invoices import credit_notes as notes
from app.invoices.credit_notes import Settlement
from app.invoices.models import PENDING, CreditNote
from app.invoices.numbering import allot_number
from app.invoices.offline.models import OPEN
from app.invoices.offline.queries import lock_issued
from app.invoices.offline.settle import apply_credit
from app.kit.actor import SYSTEM
from app.subscriptions.periods import lock_usage

SERIES = "CN"


def issue_own_note(session: Session, note: CreditNote, now: datetime) -> bool:
    """Issue a pending note on an invoice of ours, or drop it where the invoice no longer has room for it.

    That is so once it was paid or settled otherwise: the lines of the note then wait for the next invoice. False if
    another run was first: the note is read again under the locks. Audited.
    """
    lock_usage(session, note.org_id)
    issued = lock_issued(session, note.invoice_id)
    note = notes.get_note(session, note.org_id, note.id)
    if note.state != PENDING:
        return False
    facts = {"currency": note.currency, "amount": note.amount}
    if issued.state != OPEN or issued.remaining < note.amount:
        notes.release_note(session, note, now)
        audit(
            session,
            SYSTEM,
            "credit_note.dropped",
            on=("credit_note", note.id),
            org_id=note.org_id,
            before=facts,
            now=now,
        )
        return True
    apply_credit(session, issued, note.amount, now)
    number = str(allot_number(session, SERIES, now.astimezone(ZoneInfo(issued.time_zone)).date()))
    notes.note_issued(session, note, Settlement(None, number, None, note.amount, 0, 0), now)
    audit(session, SYSTEM, "credit_note.issued", on=("credit_note", note.id), org_id=note.org_id,
          after={**facts, "number": number, "due": note.amount, "refund": 0, "balance": 0}, now=now)  # fmt: skip
    return True
