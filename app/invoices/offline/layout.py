"""Lays an invoice of ours out as a document to print, from what was issued alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.invoices.document import Column, Document, DocumentSection, DocumentTotal, Party, Row
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.wording import describe_payment, format_amount, format_day
from app.invoices.pdf import MOST_ROWS


def build_document(issued: IssuedInvoice) -> Document:
    """Build the document; what becomes of the invoice later is not on it."""
    seller = _read_party(issued.seller)
    rows = [Row((line["description"], format_amount(line["amount"], issued.currency))) for line in issued.lines]
    return Document(
        title="Invoice",
        number=issued.number,
        seller=seller,
        buyer=_read_party(issued.buyer),
        dated=issued.issued_at,
        facts=list(_list_facts(issued)),
        sections=[DocumentSection("", (Column("Description"), Column("Amount", number=True)), rows[:MOST_ROWS])],
        totals=[DocumentTotal("Total", format_amount(issued.total, issued.currency), strong=True)],
        notes=list(_list_notes(issued)),
        footer=seller.name,
    )


def _list_facts(issued: IssuedInvoice) -> Iterator[tuple[str, str]]:
    yield "Issued", format_day(issued.issued_on)
    yield "Due", format_day(issued.due_on)
    if issued.buyer.get("order_number"):
        yield "Purchase order", issued.buyer["order_number"]


def _list_notes(issued: IssuedInvoice) -> Iterator[str]:
    if issued.total:
        yield describe_payment(issued)
    if issued.buyer.get("note"):
        yield issued.buyer["note"]


def _read_party(stored: Mapping[str, Any]) -> Party:
    return Party(stored["name"], list(stored["address"]), stored["tax_id"])
