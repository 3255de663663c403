"""What can move an account: each event of the rooms' account views, its kind, and how it is put into words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.web.filters import payment_method

CHARGE, PAYMENT, CREDIT, REFUND = "charge", "payment", "credit", "refund"
WRITE_OFF, ADJUSTMENT = "write_off", "adjustment"
KINDS = {
    CHARGE: "Charges",
    PAYMENT: "Payments",
    CREDIT: "Credits",
    REFUND: "Refunds",
    WRITE_OFF: "Written off",
    ADJUSTMENT: "Adjustments",
}


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of what an organisation owes, in minor units: above zero it owes more.

    `document` is a number, `invoice` the id of the invoice that it is about, `source` that of the movement itself.
    """

    at: datetime
    event: str
    amount: int
    currency: str
    document: str | None
    invoice: str | None
    detail: str | None
    source: str

    @property
    def kind(self) -> str:
        """One of `KINDS`. What takes something back is of the same kind, with the opposite sign."""
        return _EVENTS[self.event][0]

    @property
    def words(self) -> str:
        """What happened, in a sentence without a full stop."""
        return _EVENTS[self.event][1](self.document or "", self.detail or "")

    @property
    def sort_key(self) -> tuple[datetime, int, str]:
        """The order on a statement; of one instant, an invoice comes before what is paid of it."""
        return self.at, _ORDER[self.event], self.source


def _on_invoice(number: str, invoice: str) -> str:
    return f"Credit note {number}" + (f" on invoice {invoice}" if invoice else "")


def _by_card(number: str, card: str) -> str:
    brand, _, last4 = card.rpartition(" ")
    name = payment_method(brand or last4, last4 if brand else None)
    return f"Payment of invoice {number}" + (f", {name}" if name else "")


# Event: its kind and its words, which are given the document's number and the detail. In the order of one instant.
_EVENTS: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "balance": (ADJUSTMENT, lambda _, why: f"Adjustment: {why}" if why else "Adjustment of your credit balance"),
    "invoice": (CHARGE, lambda number, _: f"Invoice {number}"),
    "credit_note": (CREDIT, _on_invoice),
    "refund_outside": (REFUND, lambda number, _: f"Credit note {number}, paid back by other means"),
    "credit_refunded": (CREDIT, lambda n, _: f"Credit note {n}, paid back" if n else "Credit for a refund"),
    "refund": (REFUND, lambda _, what: f"Refund of {what}" if what else "Refund"),
    "refund_failed": (REFUND, lambda _, what: f"Refund of {what} failed" if what else "Refund failed"),
    "credit_refund_failed": (CREDIT, lambda *_: "Credit reversed, as the refund failed"),
    "credit_note_voided": (CREDIT, lambda number, _: f"Credit note {number} voided"),
    "written_off": (WRITE_OFF, lambda number, _: f"Invoice {number} written off"),
    "written_off_paid": (WRITE_OFF, lambda number, _: f"Invoice {number} paid after it was written off"),
    "written_off_voided": (WRITE_OFF, lambda number, _: f"Invoice {number} voided after it was written off"),
    "paid": (PAYMENT, _by_card),
    "paid_outside": (PAYMENT, lambda number, _: f"Payment of invoice {number} by other means"),
    "paid_offline": (PAYMENT, lambda n, ref: f"Payment of invoice {n}" + (f", bank transfer {ref}" if ref else "")),
    "payment_reversed": (PAYMENT, lambda n, why: f"Payment of invoice {n} reversed" + (f": {why}" if why else "")),
    "invoice_voided": (CHARGE, lambda number, _: f"Invoice {number} voided"),
}
_ORDER = {event: place for place, event in enumerate(_EVENTS)}
EVENTS = tuple(_EVENTS)
