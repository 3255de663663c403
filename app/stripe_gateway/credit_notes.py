"""Credit notes: retrieving, listing, finding and issuing them, and the lines of the invoices that they are on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stripe.params import CreditNoteCreateParams

from app.stripe_gateway import reading
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw

NOTE = "tollkeeper_credit_note"


@dataclass(frozen=True, slots=True)
class FinalLine:
    """A line of a final invoice: `tax` is what was added to its amount. `item_id` is its invoice item's."""

    id: str
    item_id: str | None
    amount: int
    tax: int


@dataclass(frozen=True, slots=True)
class NoteLine:
    """What a credit note takes off a line of its invoice, before tax, in minor units."""

    line_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class NoteDraft:
    """A credit note to issue under an id of ours. `refund` and `balance` are what of it had been paid."""

    own_id: UUID
    invoice_id: str
    currency: str
    lines: Sequence[NoteLine]
    refund: int
    balance: int
    memo: str


@dataclass(frozen=True, slots=True)
class NoteRefund:
    """The part of a refund that a note credits; the refund was made by the note, or before it."""

    refund_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class RemoteNote:
    """A credit note with tax: `due` lowered what was due of its invoice, `paid` had been paid.

    Of the latter `refunds` go back to the card, `outside` went back outside Stripe, and the rest is kept on the
    customer's balance. `status`: issued, void. `own_id` is the id of ours that it was issued under.
    """

    id: str
    own_id: UUID | None
    invoice_id: str
    customer_id: str | None
    number: str
    status: str
    currency: str
    total: int
    due: int
    paid: int
    outside: int
    refunds: tuple[NoteRefund, ...]
    pdf_url: str | None
    created_at: datetime
    voided_at: datetime | None

    @property
    def refunded(self) -> int:
        """What of it goes back to the card."""
        return sum(refund.amount for refund in self.refunds)


def retrieve(gw: Gateway, note_id: str) -> RemoteNote:
    """Retrieve a credit note. Raises `StripeMissing`."""
    validate_id(note_id)
    return _parse_note(gw.get(lambda v1: v1.credit_notes.retrieve(note_id)))


def list_all(gw: Gateway, created_from: datetime) -> Iterator[RemoteNote]:
    """List every credit note created since, newest first, void ones too; fetched page by page."""
    params = {"created": {"gte": int(created_from.timestamp())}}
    for raw in gw.pages(lambda v1, page: v1.credit_notes.list(page), params):
        yield _parse_note(raw)


def list_final_lines(gw: Gateway, invoice_id: str) -> list[FinalLine]:
    """List the lines of a final invoice."""
    validate_id(invoice_id)
    return [_parse_line(raw) for raw in gw.pages(lambda v1, page: v1.invoices.line_items.list(invoice_id, page), {})]


def find_issued(gw: Gateway, invoice_id: str, own_id: UUID) -> RemoteNote | None:
    """Find the note that was issued on an invoice under an id of ours, void ones too."""
    for raw in gw.pages(lambda v1, page: v1.credit_notes.list(page), {"invoice": validate_id(invoice_id)}):
        note = _parse_note(raw)
        if note.own_id == own_id:
            return note
    return None


def issue(gw: Gateway, note: NoteDraft, *, key: str) -> RemoteNote:
    """Issue a credit note. Raises `StripeMisused` if less is left of the invoice, a line or its payment."""
    params: CreditNoteCreateParams = {
        "invoice": validate_id(note.invoice_id),
        "lines": [
            {
                "type": "invoice_line_item",
                "invoice_line_item": validate_id(line.line_id),
                "amount": reading.to_stripe(line.amount, note.currency),
            }
            for line in note.lines
        ],
        "memo": note.memo,
        "metadata": {NOTE: str(note.own_id)},
    }
    if note.refund:
        params["refund_amount"] = reading.to_stripe(note.refund, note.currency)
    if note.balance:
        params["credit_amount"] = reading.to_stripe(note.balance, note.currency)
    raw = gw.post(key, lambda v1, options: v1.credit_notes.create(params, options))
    return _parse_note(raw)


def _parse_line(raw: Raw) -> FinalLine:
    parent = reading.inner_or_none(raw, "parent")
    item = reading.inner_or_none(parent, "invoice_item_details") if parent is not None else None
    return FinalLine(
        id=reading.text(raw, "id"),
        item_id=reading.object_id(item, "invoice_item") if item is not None else None,
        amount=reading.amount(raw, "amount"),
        tax=reading.added_tax(raw, "taxes"),
    )


def _parse_note(raw: Raw) -> RemoteNote:
    invoice_id = reading.linked_id(reading.ensure_kind(raw, "credit_note"), "invoice")
    return RemoteNote(
        id=reading.text(raw, "id"),
        own_id=reading.uuid_or_none(reading.inner_or_none(raw, "metadata"), NOTE),
        invoice_id=invoice_id,
        customer_id=reading.object_id(raw, "customer"),
        number=reading.text(raw, "number"),
        status=reading.text(raw, "status"),
        currency=reading.currency(raw),
        total=reading.amount(raw, "total"),
        due=reading.amount(raw, "pre_payment_amount"),
        paid=reading.amount(raw, "post_payment_amount"),
        outside=_parse_outside(raw),
        refunds=_parse_refunds(raw),
        pdf_url=reading.text_or_none(raw, "pdf"),
        created_at=reading.moment(raw, "created"),
        voided_at=reading.moment_or_none(raw, "voided_at"),
    )


def _parse_refunds(raw: Raw) -> tuple[NoteRefund, ...]:
    currency = reading.currency(raw)
    linked = ((reading.object_id(part, "refund"), part) for part in reading.objects(raw, "refunds"))
    return tuple(
        NoteRefund(refund_id, reading.from_stripe(reading.whole(part, "amount_refunded"), currency))
        for refund_id, part in linked
        if refund_id is not None
    )


def _parse_outside(raw: Raw) -> int:
    """What went back outside Stripe: an amount that the note names, and refunds that only a payment record has."""
    named = 0 if raw.get("out_of_band_amount") is None else reading.whole(raw, "out_of_band_amount")
    recorded = (part for part in reading.objects(raw, "refunds") if reading.object_id(part, "refund") is None)
    return reading.from_stripe(
        named + sum(reading.whole(part, "amount_refunded") for part in recorded), reading.currency(raw)
    )
