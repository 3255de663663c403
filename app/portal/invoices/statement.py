"""Builds the statement of a closed period: every meter, how its amount came about, and where it is billed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.invoices.document import LINE_COLUMNS, Column, Document, DocumentSection, DocumentTotal, Party
from app.invoices.document import Row as PrintedRow
from app.invoices.models import USAGE
from app.invoices.parties import build_buyer, list_repeated_facts, list_repeated_notes
from app.portal.invoices.explain.explanation import build_explanation
from app.portal.invoices.invoice_page import ShownInvoice
from app.portal.invoices.lines import ClosedPeriod, UsageLine
from app.portal.invoices.standing import ISSUED, describe_standing
from app.portal.invoices.view_models import InvoiceView
from app.statements.wording import format_amount, format_span, unit_for
from app.web.filters import quantity

MOST_LINES = 300
_NO_INVOICE = "This statement explains the usage on your invoice. It is not an invoice."


@dataclass(frozen=True, slots=True)
class StatementOf:
    """Whose statement it is: the seller, the buyer's billing contact, and the org's time zone; `as_of` is now."""

    seller: Party
    contact: Row[Any]
    zone: str
    as_of: datetime


def build_statement(period: ClosedPeriod, of: StatementOf) -> Document:
    """Build the statement of a period. Beyond `MOST_LINES` it names the file that has the rest."""
    lines = period.lines[:MOST_LINES]
    usage = [line for line in lines if line.row.kind == USAGE]
    other = [line for line in lines if line.row.kind != USAGE]
    rest, billed = len(period.lines) - len(lines), period.billed_at is not None
    return Document(
        title="Usage statement",
        number=format_span(period.start, period.end, of.zone),
        seller=of.seller,
        buyer=build_buyer(of.contact),
        dated=max((line.row.written_at for line in period.lines), default=period.end),
        facts=[*_list_facts(period, of), *list_repeated_facts(of.contact)],
        sections=[
            _build_section("Usage", [_build_row(line, of, billed=billed) for line in usage], "Nothing was used."),
            *(
                [_build_section("Changes and late usage", [_build_row(line, of, billed=billed) for line in other])]
                if other
                else []
            ),
        ],
        totals=_list_totals(period),
        notes=[
            *([f"{rest} more lines are in the CSV file of usage charges."] if rest else []),
            *list_repeated_notes(of.contact),
            f"{_NO_INVOICE} Amounts are before tax.",
        ],
        footer=of.seller.name,
    )


def build_invoice_statement(shown: ShownInvoice, page: InvoiceView, of: StatementOf) -> Document:
    """Build the statement of one invoice: what the page says of it, with every line explained."""
    lines = shown.lines[:MOST_LINES]
    usage = DocumentSection("Usage", LINE_COLUMNS, [_build_row(line, of, billed=True) for line in lines])
    fees = [PrintedRow((fee.label, fee.days, "", fee.amount)) for fee in page.fees[:MOST_LINES]]
    rest = len(shown.lines) - len(lines) + len(page.fees) - len(fees)
    columns = (Column("Description"), Column("For"), Column("", True), Column("Amount", True))
    dated = shown.ours.opened_at if shown.ours else shown.remote.created_at if shown.remote else None
    if dated is None:
        raise ValueError("an invoice is ours or Stripe's")
    return Document(
        title="Invoice explained",
        number=page.title,
        seller=of.seller,
        buyer=build_buyer(of.contact),
        dated=dated,
        facts=[("Status", page.badge[0]), *page.facts, ("Days in", of.zone), *list_repeated_facts(of.contact)],
        sections=[
            *([DocumentSection("Plan and other charges", columns, fees)] if fees else []),
            *([usage] if lines else []),
        ],
        totals=[DocumentTotal(label, amount, strong=label == "Total") for label, amount in page.sums],
        notes=[
            *([f"{rest} more lines are not shown."] if rest else []),
            *list_repeated_notes(of.contact),
            "This statement explains an invoice. It is not an invoice. Usage is before tax.",
        ],
        footer=of.seller.name,
    )


def _list_facts(period: ClosedPeriod, of: StatementOf) -> Iterator[tuple[str, str]]:
    plans = {f"{line.plan.name}, version {line.plan.number}": None for line in period.lines}
    billed = period.billed_at is not None
    standings = [describe_standing(line, billed=billed, now=of.as_of) for line in period.lines]
    invoices = {standing.label.removeprefix("Invoice "): None for standing in standings if standing.key == ISSUED}
    yield "Days in", of.zone
    if plans:
        yield "Plan", " and ".join(plans)
    if invoices:
        yield "Invoice" if len(invoices) == 1 else "Invoices", ", ".join(invoices)


def _build_section(title: str, rows: list[PrintedRow], empty: str = "") -> DocumentSection:
    return DocumentSection(title, LINE_COLUMNS, rows, "" if rows else empty)


def _build_row(line: UsageLine, of: StatementOf, *, billed: bool) -> PrintedRow:
    row, explanation = line.row, build_explanation(line)
    standing = describe_standing(line, billed=billed, now=of.as_of)
    used = f"{quantity(row.quantity)} {unit_for(row.quantity, line.unit)}" if line.meter else ""
    facts = "; ".join(f"{name}: {value.rstrip('.')}" for name, value in explanation.facts if name != "Plan")
    return PrintedRow(
        cells=(line.name, used, "", format_amount(row.amount, row.currency)),
        notes=[
            f"{standing.label}. {standing.note}",
            *([" ".join(explanation.formula)] if explanation.steps else []),
            *([f"{facts}."] if facts else []),
        ],
        steps=[
            *((step.label, step.quantity, step.price, step.amount) for step in explanation.steps),
            *([explanation.total] if explanation.steps else []),
        ],
    )


def _list_totals(period: ClosedPeriod) -> list[DocumentTotal]:
    if not period.lines:
        return []
    amount = sum(line.row.amount for line in period.lines)
    return [DocumentTotal("Usage before tax", format_amount(amount, period.lines[0].row.currency), strong=True)]
