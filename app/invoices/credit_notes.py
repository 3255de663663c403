"""Credit notes: opened when usage is rated, issued afterwards. The caller opens transactions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.orm import Session

from app.invoices.models import DROPPED, ISSUED, PENDING, CreditNote, Invoice, InvoiceLine
from app.kit.ids import new_id

# What can be credited of the lines of a period and meter that are on final invoices: what is left of each, and of what
# usage came to on its invoice after discounts; of one of ours no more than what is still due. The line of the close
# comes first, then late ones.
_CREDITABLE = text("""
SELECT line.id, line.invoice_id, line.amount, line.discount, line.currency,
       line.amount + coalesce((SELECT sum(credit.amount) FROM invoice_lines credit
                               WHERE credit.credits_line_id = line.id), 0)::bigint AS remaining,
       least((SELECT sum(other.amount - other.discount) FROM invoice_lines other
              WHERE other.invoice_id = line.invoice_id AND other.kind <> 'fee')::bigint
             - coalesce((SELECT sum(note.amount) FROM credit_notes note
                         WHERE note.invoice_id = line.invoice_id AND note.state <> 'dropped'), 0)::bigint,
             issued.remaining
             - coalesce((SELECT sum(note.amount) FROM credit_notes note
                         WHERE note.invoice_id = line.invoice_id AND note.state = 'pending'), 0)::bigint)
       AS remaining_of_invoice
FROM invoice_lines line JOIN invoices invoice ON invoice.id = line.invoice_id AND invoice.state = 'final'
LEFT JOIN issued_invoices issued ON issued.invoice_id = invoice.id
WHERE line.org_id = :org AND line.period_start = :start AND line.meter_id IS NOT DISTINCT FROM :meter
  AND line.amount > 0 AND line.kind <> 'fee' AND coalesce(issued.state, 'open') = 'open'
ORDER BY line.kind <> 'usage', line.written_at, line.id
""")
# What a pending note takes off which items at Stripe, and what was taken off them by the notes before it.
_PARTS = text("""
SELECT original.stripe_item_id, line.discount - line.amount AS amount,
       coalesce((SELECT sum(earlier.discount - earlier.amount) FROM invoice_lines earlier
                  JOIN credit_notes note ON note.id = earlier.credit_note_id
                  WHERE earlier.credits_line_id = original.id AND note.state = 'issued'), 0)::bigint AS credited
FROM invoice_lines line JOIN invoice_lines original ON original.id = line.credits_line_id
WHERE line.org_id = :org AND line.credit_note_id = :note ORDER BY original.period_start, original.id
""")


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an issued note was settled, in minor units and with tax; `stripe_id` is None for one of ours."""

    stripe_id: str | None
    number: str | None
    pdf_url: str | None
    due: int
    refund: int
    balance: int


def list_creditable(session: Session, org_id: UUID, start: datetime, meter_id: int | None) -> list[Row[Any]]:
    """List what can be credited of a closed period's lines of a meter.

    Worked example: $100.00 on a final invoice, of which $3.00 was credited: one row, remaining 9700.
    """
    return list(session.execute(_CREDITABLE, {"org": org_id, "start": start, "meter": meter_id}))


def open_note(session: Session, invoice: Invoice, amount: int, now: datetime) -> UUID:
    """Open a credit note on a final invoice; its lines name it. Returns its id."""
    note = CreditNote(
        id=new_id(), org_id=invoice.org_id, invoice_id=invoice.id, currency=invoice.currency, amount=amount,
        state=PENDING, opened_at=now,
    )  # fmt: skip
    session.add(note)
    session.flush()
    return note.id


def list_pending(session: Session, limit: int, org_id: UUID | None = None) -> list[tuple[UUID, UUID]]:
    """List the pending notes as (org, note), oldest first, those that failed last."""
    query = select(CreditNote.org_id, CreditNote.id).where(CreditNote.state == PENDING)
    if org_id is not None:
        query = query.where(CreditNote.org_id == org_id)
    order = (CreditNote.error.is_not(None), CreditNote.opened_at, CreditNote.id)
    return [(row.org_id, row.id) for row in session.execute(query.order_by(*order).limit(limit))]


def get_note(session: Session, org_id: UUID, note_id: UUID) -> CreditNote:
    """Get a note of the org as it is stored now."""
    row = session.get(CreditNote, note_id, populate_existing=True)
    if row is None or row.org_id != org_id:
        raise LookupError(f"org {org_id} has no credit note {note_id}")
    return row


def list_parts(session: Session, org_id: UUID, note_id: UUID) -> list[Row[Any]]:
    """List what a pending note takes off the items of its invoice, after discounts.

    Worked example: $3.00 off an item of which $2.00 was credited before: (ii_1, 300, 200).
    """
    return list(session.execute(_PARTS, {"org": org_id, "note": note_id}))


def list_notes(session: Session, org_id: UUID, invoice_ids: Collection[UUID]) -> list[CreditNote]:
    """List the notes on invoices that are not dropped, oldest first."""
    if not invoice_ids:
        return []
    query = select(CreditNote).where(
        CreditNote.org_id == org_id, CreditNote.invoice_id.in_(invoice_ids), CreditNote.state != DROPPED
    )
    return list(session.scalars(query.order_by(CreditNote.opened_at, CreditNote.id)))


def find_notes(session: Session, org_id: UUID, ids: Collection[UUID]) -> dict[UUID, CreditNote]:
    """Find notes of the org by id."""
    if not ids:
        return {}
    query = select(CreditNote).where(CreditNote.org_id == org_id, CreditNote.id.in_(ids))
    return {note.id: note for note in session.scalars(query)}


def note_issued(session: Session, note: CreditNote, settled: Settlement, now: datetime) -> bool:
    """Mark a pending note issued; False if it was."""
    if note.state != PENDING:
        return False
    note.state, note.settled_at, note.error = ISSUED, now, None
    note.stripe_credit_note_id, note.number, note.pdf_url = settled.stripe_id, settled.number, settled.pdf_url
    note.due_amount, note.refund_amount, note.balance_amount = settled.due, settled.refund, settled.balance
    session.flush()
    return True


def release_note(session: Session, note: CreditNote, now: datetime) -> None:
    """Drop a note that credits nothing: its invoice has no room for it, or it was voided at Stripe.

    Its lines wait for the next invoice.
    """
    freed = {"credit_note_id": None, "credits_line_id": None, "discount": 0}
    session.execute(update(InvoiceLine).where(InvoiceLine.credit_note_id == note.id).values(freed))
    drop_note(session, note, now)


def release_voided(session: Session, org_id: UUID, note_id: UUID, stripe_id: str, now: datetime) -> bool:
    """Release an issued note of the org that Stripe knows as `stripe_id` and says is void; False if there is none."""
    note = find_notes(session, org_id, [note_id]).get(note_id)
    if note is None or (note.state, note.stripe_credit_note_id) != (ISSUED, stripe_id):
        return False
    release_note(session, note, now)
    return True


def drop_note(session: Session, note: CreditNote, now: datetime) -> None:
    """Drop a note: nothing is owed of its invoice, or its lines were freed."""
    note.state, note.settled_at, note.error = DROPPED, now, None
    note.due_amount = note.refund_amount = note.balance_amount = None
    session.flush()


def note_failure(session: Session, note: CreditNote, why: str, *, replayed: bool) -> None:
    """Note why a pending note could not be issued; `replayed`: the next attempt needs another key."""
    note.error = why
    note.replays += replayed
    session.flush()
