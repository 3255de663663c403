"""Payment intents, setup intents and refunds, which are only read, and credit notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from stripe.params import CreditNoteCreateParams

from app.stripe_gateway import money_shapes, reading
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.types import Intent, Refund, SetupIntent

NOTE = "tollkeeper_credit_note"
LOST = frozenset({"failed", "canceled"})


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
class RemoteNote:
    """A credit note. `due` lowered what was due of its invoice, `paid` had been paid; of that `refunded` goes back."""

    id: str
    own_id: UUID | None
    number: str
    pdf_url: str | None
    due: int
    paid: int
    refunded: int


def retrieve_intent(gw: Gateway, payment_intent: str) -> Intent:
    """Retrieve a payment intent with the card tried last. Raises `StripeMissing`."""
    validate_id(payment_intent)
    return money_shapes.parse_intent(
        gw.get(lambda v1: v1.payment_intents.retrieve(payment_intent, {"expand": ["payment_method"]}))
    )


def retrieve_setup_intent(gw: Gateway, setup_intent_id: str) -> SetupIntent:
    """Retrieve a setup intent with the card that it saved. Raises `StripeMissing`."""
    validate_id(setup_intent_id)
    return money_shapes.parse_setup_intent(
        gw.get(lambda v1: v1.setup_intents.retrieve(setup_intent_id, {"expand": ["payment_method"]}))
    )


def list_refunds(gw: Gateway, payment_intent: str) -> list[Refund]:
    """List all refunds of a payment, including failed ones, newest first."""
    refunds = gw.pages(lambda v1, params: v1.refunds.list(params), {"payment_intent": validate_id(payment_intent)})
    return [money_shapes.parse_refund(raw) for raw in refunds]


def find_invoice_id(gw: Gateway, payment_intent: str) -> str | None:
    """Find the invoice of a payment; None if it has none."""
    payment = {"type": "payment_intent", "payment_intent": validate_id(payment_intent)}
    for raw in gw.pages(lambda v1, params: v1.invoice_payments.list(params), {"payment": payment}):
        return reading.object_id(raw, "invoice")
    return None


def list_final_lines(gw: Gateway, invoice_id: str) -> list[FinalLine]:
    """List the lines of a final invoice."""
    validate_id(invoice_id)
    return [_parse_line(raw) for raw in gw.pages(lambda v1, page: v1.invoices.line_items.list(invoice_id, page), {})]


def find_credit_note(gw: Gateway, invoice_id: str, own_id: UUID) -> RemoteNote | None:
    """Find the note that was issued on an invoice under an id of ours, void ones too."""
    for raw in gw.pages(lambda v1, page: v1.credit_notes.list(page), {"invoice": validate_id(invoice_id)}):
        note = _parse_note(raw)
        if note.own_id == own_id:
            return note
    return None


def issue_credit_note(gw: Gateway, note: NoteDraft, *, key: str) -> RemoteNote:
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
    added = [each for each in reading.objects(raw, "taxes") if each.get("tax_behavior") == "exclusive"]
    currency = reading.currency(raw)
    return FinalLine(
        id=reading.text(raw, "id"),
        item_id=reading.object_id(item, "invoice_item") if item is not None else None,
        amount=reading.amount(raw, "amount"),
        tax=reading.from_stripe(sum(reading.whole(each, "amount") for each in added), currency),
    )


def _parse_note(raw: Raw) -> RemoteNote:
    reading.ensure_kind(raw, "credit_note")
    refunded = sum(reading.whole(each, "amount_refunded") for each in reading.objects(raw, "refunds"))
    return RemoteNote(
        id=reading.text(raw, "id"),
        own_id=reading.uuid_or_none(reading.inner_or_none(raw, "metadata"), NOTE),
        number=reading.text(raw, "number"),
        pdf_url=reading.text_or_none(raw, "pdf"),
        due=reading.amount(raw, "pre_payment_amount"),
        paid=reading.amount(raw, "post_payment_amount"),
        refunded=reading.from_stripe(refunded, reading.currency(raw)),
    )
