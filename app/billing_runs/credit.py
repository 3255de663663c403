"""Issues credit notes. Idempotent: one at Stripe is written before it is asked for, and looked for before that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.billing_runs.credit_ours import issue_own_note
from app.invoices import credit_notes as notes
from app.invoices import queries
from app.invoices.credit_notes import Settlement
from app.invoices.models import OFFLINE, PENDING, CreditNote, Invoice
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict, DomainError
from app.kit.money import round_half_away
from app.payments.locks import org_turn
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import InvoicePayment, Retrieved, sync_retrieved
from app.payments.mirrors.sync_credit_note import VOID
from app.stripe_gateway import Gateway, credit_notes, payments
from app.stripe_gateway.credit_notes import FinalLine, NoteDraft, NoteLine, RemoteNote
from app.stripe_gateway.errors import StripeAway
from app.web.database import discard_failed_transaction, transaction

MEMO = "Usage corrected after the invoice was issued"
_CREDITABLE = frozenset({"open", "paid"})


@dataclass(frozen=True, slots=True)
class PendingNote:
    """A pending note as plain values. `parts` are what it takes off which items of the invoice at Stripe."""

    id: UUID
    org_id: UUID
    currency: str
    stripe_invoice_id: str
    parts: Sequence[Row[Any]]
    replays: int


def issue_note(gw: Gateway | None, org_id: UUID, note_id: UUID, now: datetime) -> bool:
    """Issue a pending note; False if it is done, or waits for payments to be on. Raises what keeps it from being.

    On an open invoice it lowers what is due. What of it was paid goes back, as far as a payment brought it, and the
    rest is kept on the customer's balance for the next invoices. Opens its own transactions.
    """
    with transaction() as session:
        note = notes.get_note(session, org_id, note_id)
        if note.state != PENDING:
            return False
        invoice = queries.get_invoice(session, org_id, note.invoice_id)
        if invoice.kind == OFFLINE:
            return issue_own_note(session, note, now)
        pending = _describe(session, note, invoice)
    if gw is None:
        return False
    with org_turn(gw, org_id):
        remote = credit_notes.find_issued(gw, pending.stripe_invoice_id, note_id)
        if remote is None:
            paying = retrieve.invoice_only(gw, pending.stripe_invoice_id)
            if paying[0].status == "void":
                return _drop(org_id, note_id, now)
            remote = _issue(gw, pending, paying)
        return _settle(gw, pending, remote, now)


def note_failure(org_id: UUID, note_id: UUID, error: Exception) -> None:
    """Note why a note could not be issued. Opens its own transaction."""
    discard_failed_transaction()
    with transaction() as session:
        why = error.detail if isinstance(error, DomainError) else type(error).__name__
        replayed = isinstance(error, StripeAway) and error.replayed
        notes.note_failure(session, notes.get_note(session, org_id, note_id), why, replayed=replayed)


def _describe(session: Session, note: CreditNote, invoice: Invoice) -> PendingNote:
    if invoice.stripe_invoice_id is None:
        raise Conflict("The invoice is not one of Stripe's.")
    parts = notes.list_parts(session, note.org_id, note.id)
    return PendingNote(note.id, note.org_id, note.currency, invoice.stripe_invoice_id, parts, note.replays)


def _issue(gw: Gateway, pending: PendingNote, paying: InvoicePayment) -> RemoteNote:
    invoice, _ = paying
    if invoice.status not in _CREDITABLE:
        raise Conflict(f"The invoice is {invoice.status} at Stripe: only open and paid ones can be credited.")
    final = credit_notes.list_final_lines(gw, pending.stripe_invoice_id)
    lines = {line.item_id: line for line in final if line.item_id}
    credited = [(lines[part.stripe_item_id], part) for part in pending.parts]
    total = sum(part.amount + _share_tax(line, part) for line, part in credited)
    paid = total - min(total, invoice.amount_remaining)
    refund = min(paid, _count_refundable(gw, paying)) if paid else 0
    draft = NoteDraft(
        own_id=pending.id,
        invoice_id=pending.stripe_invoice_id,
        currency=pending.currency,
        lines=[NoteLine(line.id, part.amount) for line, part in credited],
        refund=refund,
        balance=paid - refund,
        memo=MEMO,
    )
    return credit_notes.issue(gw, draft, key=f"credit-note-{pending.id}-{pending.replays}")


def _share_tax(line: FinalLine, part: Row[Any]) -> int:
    """The tax of a part of a line. It follows the line: the last part takes what is left of it."""
    shares = [round_half_away(Decimal(line.tax * amount) / line.amount)
              for amount in (part.credited + part.amount, part.credited)]  # fmt: skip
    return shares[0] - shares[1]


def _count_refundable(gw: Gateway, paying: InvoicePayment) -> int:
    """What is left of the payment that paid an invoice."""
    invoice, intent = paying
    if intent is None or not invoice.amount_paid:
        return 0
    given = sum(each.amount for each in payments.list_refunds(gw, intent.id) if each.status not in payments.LOST)
    return max(0, invoice.amount_paid - given)


def _settle(gw: Gateway, pending: PendingNote, remote: RemoteNote, now: datetime) -> bool:
    """Mirror what the note changed at Stripe, as webhooks do, and mark it issued; audited.

    One that somebody has voided meanwhile is dropped.
    """
    paying = retrieve.invoice_only(gw, pending.stripe_invoice_id)
    intent = paying[1]
    refunded = retrieve.refunded_payment(gw, intent.id) if remote.refunded and intent is not None else None
    changed = Retrieved(invoices=(paying,), credit_notes=(remote,), refund=refunded)
    settled = Settlement(
        remote.id, remote.number, remote.pdf_url, remote.due, remote.refunded, remote.paid - remote.refunded
    )
    with transaction() as session:
        sync_retrieved(session, pending.org_id, changed, now)
        note = notes.get_note(session, pending.org_id, pending.id)
        if not notes.note_issued(session, note, settled, now):
            return False
        if remote.status == VOID:
            notes.release_voided(session, note.org_id, note.id, remote.id, now)
            return True
        audit(session, SYSTEM, "credit_note.issued", on=("credit_note", note.id), org_id=pending.org_id,
              after={"number": settled.number, "currency": note.currency, "amount": note.amount,
                     "due": settled.due, "refund": settled.refund, "balance": settled.balance}, now=now)  # fmt: skip
        return True


def _drop(org_id: UUID, note_id: UUID, now: datetime) -> bool:
    """Drop a note on an invoice that is void: nothing is owed of it."""
    with transaction() as session:
        note = notes.get_note(session, org_id, note_id)
        notes.drop_note(session, note, now)
        audit(session, SYSTEM, "credit_note.dropped", on=("credit_note", note.id), org_id=org_id,
              before={"currency": note.currency, "amount": note.amount}, now=now)  # fmt: skip
    return True
