"""Turns a document into FOCUS rows that add up to what it changed the account by. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.kit.money import exponent, to_major
from app.kit.periods import Period, month_of
from app.payments.models import StripePrice
from app.portal.invoices.focus import schema
from app.portal.invoices.focus.documents import INVOICE, NOTE, BilledDocument
from app.portal.invoices.focus.fees import build_fee_cells, list_fees
from app.portal.invoices.focus.lines import list_line_cells
from app.portal.invoices.focus.schema import FocusRow

_WORDS = {
    "invoice_voided": "Invoice {0} voided",
    "credit_note": "Credit note {0}",
    "credit_note_voided": "Credit note {0} voided",
    "credit_refunded": "Credit note {0}, paid back",
    "credit_refund_failed": "Credit reversed, as the refund failed",
}
_OTHER_CHARGES = "Other charges, as on the invoice"
Cells = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Billing:
    """Who is billed and by whom, and the plans' prices that the documents' lines name."""

    org_id: UUID
    org_name: str
    seller: str
    prices: Mapping[str, StripePrice]
    plans: Mapping[UUID, Row[Any]]


def iterate_rows(billing: Billing, document: BilledDocument) -> Iterator[FocusRow]:
    """Yield the rows of a document; what its lines don't explain is a row of its own."""
    moved, places = document.moved, exponent(document.moved.currency)
    left = moved.amount
    build = partial(_build_row, billing, document)
    for cells in _list_cells(billing, document):
        left -= cells["billed_cost"]
        yield build(places, cells)
    if left:
        yield build(places, _state_rest(document, left))


def _list_cells(billing: Billing, document: BilledDocument) -> Iterator[Cells]:
    """What the lines say, and the tax that is added to them; of a note that is partly refunded, nothing."""
    moved, remote = document.moved, document.remote
    if moved.event == INVOICE:
        for fee in list_fees(document):
            yield build_fee_cells(billing.prices, billing.plans, fee)
    month = month_of(moved.at, "UTC")
    noted = _classify(document, month) is not None
    lines = [
        cells
        for line in document.lines
        for cells in list_line_cells(line, corrects=noted if line.note else line.row.period_end < month.start)
    ]
    before_tax = sum(cells["billed_cost"] for cells in lines)
    if moved.event == NOTE and not moved.amount <= before_tax:
        return
    yield from lines
    if remote is not None and (tax := _find_tax(document, before_tax)):
        yield {"billed_cost": tax, "charge_category": schema.TAX, "charge_description": "Tax"}


def _find_tax(document: BilledDocument, before_tax: int) -> int:
    """The tax that comes on top: an invoice says it; what a note is above its lines is tax, if its invoice had any."""
    remote = document.remote
    if remote is None or remote.tax == remote.included_tax:
        return 0
    if document.moved.event == INVOICE:
        return remote.tax - remote.included_tax
    return document.moved.amount - before_tax if document.lines else 0


def _state_rest(document: BilledDocument, left: int) -> Cells:
    event = document.moved.event
    if event == INVOICE:
        return {"billed_cost": left, "charge_category": schema.ADJUSTMENT, "charge_description": _OTHER_CHARGES}
    category = schema.ADJUSTMENT if event == "invoice_voided" else schema.CREDIT
    words = _WORDS[event].format(document.moved.document) if document.moved.document else "Credit for a refund"
    return {"billed_cost": left, "charge_category": category, "charge_description": words}


def _build_row(billing: Billing, document: BilledDocument, places: int, cells: Cells) -> FocusRow:
    """A row: what `cells` say in minor units, and what all rows of a document share."""
    moved, month = document.moved, month_of(document.moved.at, "UTC")
    span = cells.pop("span", None) or _day_of(moved.at)
    amounts: dict[str, Decimal | None] = {
        name: to_major(cells.pop(name, cells["billed_cost"]), places)
        for name in ("list_cost", "contracted_cost", "effective_cost")
    }
    amounts |= {name: to_major(cells.pop(name), places) for name in _PRICES if cells.get(name) is not None}
    amounts["billed_cost"] = to_major(cells.pop("billed_cost"), places)
    seller = document.issued.seller["name"] if document.issued else billing.seller
    common: Cells = {
        "billing_account_id": str(billing.org_id),
        "billing_account_name": billing.org_name,
        "billing_currency": moved.currency,
        "billing_period_start": month.start,
        "billing_period_end": month.end,
        "charge_class": _classify(document, month),
        "charge_frequency": schema.ONE_TIME,
        "charge_period_start": span.start,
        "charge_period_end": span.end,
        "invoice_id": moved.document,
        "invoice_issuer_name": seller,
        "pricing_currency": moved.currency,
        "pricing_currency_contracted_unit_price": amounts.get("contracted_unit_price"),
        "pricing_currency_effective_cost": amounts["effective_cost"],
        "pricing_currency_list_unit_price": amounts.get("list_unit_price"),
        "provider_name": seller,
        "publisher_name": seller,
        "service_name": seller,
    }
    return FocusRow(**common | cells | amounts)


_PRICES = ("list_unit_price", "contracted_unit_price")


def _classify(document: BilledDocument, month: Period) -> str | None:
    """`Correction` where a document takes back what an earlier month billed."""
    at = document.invoiced_at
    earlier = document.moved.event != INVOICE and at is not None and at < month.start
    return schema.CORRECTION if earlier else None


def _day_of(at: datetime) -> Period:
    start = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Period(start, start + timedelta(days=1))
