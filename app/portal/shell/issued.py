"""An invoice of ours as its pages show it, to customers and staff alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.invoices.offline.models import OPEN, PAID, VOID, WRITTEN_OFF, IssuedInvoice
from app.invoices.offline.wording import describe_payment
from app.payments.models import BillingRecord
from app.statements.wording import format_amount
from app.web.addresses import path_to

Badge = tuple[str, str, str]
_BADGES = {
    OPEN: ("Open", "accent", "clock"),
    PAID: ("Paid", "good", "check"),
    VOID: ("Void", "neutral", "ban"),
    WRITTEN_OFF: ("Written off", "neutral", "minus"),
}
_OVERDUE, _PARTLY = ("Overdue", "bad", "alert"), ("Partly paid", "accent", "clock")


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment that was recorded; `note` says that it was reversed."""

    day: str
    reference: str
    amount: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class IssuedView:
    """An invoice of ours: `figure` is what is `due`, or the total where nothing is; `lines` are (what, amount)."""

    number: str
    badge: Badge
    due: bool
    figure: str
    sentence: str
    how: str | None
    facts: Sequence[tuple[str, str]]
    lines: Sequence[tuple[str, str]]
    total: str
    payments: Sequence[PaymentRow]
    pdf_href: str | None = None


def find_page(issued: IssuedInvoice) -> str:
    """Where a member reads the invoice."""
    return path_to("invoices.invoice", invoice_id=str(issued.invoice_id))


def describe_issued_state(issued: IssuedInvoice, now: datetime) -> Badge:
    """The state of an invoice as a badge: label, tone, icon."""
    if issued.is_overdue(now):
        return _OVERDUE
    return _PARTLY if issued.state == OPEN and issued.paid else _BADGES[issued.state]


def describe_due(issued: IssuedInvoice, now: datetime) -> str:
    """What is to be done about an invoice, in a sentence."""
    if issued.state == PAID:
        return "Paid in full." if issued.paid else "Nothing is to be paid."
    if issued.state == VOID:
        return "Void: nothing is to be paid. What was on it is billed by another invoice."
    if issued.state == WRITTEN_OFF:
        return "Written off: nothing more is expected."
    if not issued.is_overdue(now):
        return f"Due on {format_date(issued.due_on)}."
    late = (now.astimezone(ZoneInfo(issued.time_zone)).date() - issued.due_on).days
    return f"Was due on {format_date(issued.due_on)}, {late} {'day' if late == 1 else 'days'} ago."


def build_issued_view(
    issued: IssuedInvoice, payments: Sequence[BillingRecord], now: datetime, pdf_href: str | None = None
) -> IssuedView:
    """Build what a page shows of an invoice; `pdf_href` is where its PDF is, once it is there."""
    return IssuedView(
        number=issued.number,
        badge=describe_issued_state(issued, now),
        due=issued.due > 0,
        figure=format_amount(issued.due or issued.total, issued.currency),
        sentence=describe_due(issued, now),
        how=describe_payment(issued) if issued.due else None,
        facts=list(_list_facts(issued)),
        lines=[(line["description"], format_amount(line["amount"], issued.currency)) for line in issued.lines],
        total=format_amount(issued.total, issued.currency),
        payments=[_build_payment(row, issued.time_zone) for row in payments],
        pdf_href=pdf_href,
    )


def format_date(day: date) -> str:
    """A day: 5 Dec 2026."""
    return f"{day:%-d %b %Y}"


def _list_facts(issued: IssuedInvoice) -> Iterator[tuple[str, str]]:
    yield "Billed to", describe_buyer(issued.buyer)
    if issued.buyer["order_number"]:
        yield "Purchase order", issued.buyer["order_number"]
    yield "Issued", format_date(issued.issued_on)
    yield "Due", format_date(issued.due_on)
    yield "Total", format_amount(issued.total, issued.currency)
    if issued.paid:
        yield "Paid", format_amount(issued.paid, issued.currency)
    if issued.credited:
        yield "Credited", format_amount(issued.credited, issued.currency)
    if issued.remaining and issued.state == WRITTEN_OFF:
        yield "Written off", format_amount(issued.remaining, issued.currency)
    elif issued.due != issued.total:
        yield "Still due", format_amount(issued.due, issued.currency)


def describe_buyer(buyer: dict[str, Any]) -> str:
    """Name, address and tax id as the invoice was issued with them, in one line."""
    return ", ".join([buyer["name"], *buyer["address"], *([buyer["tax_id"]] if buyer["tax_id"] else [])])


def format_paid_on(row: BillingRecord, zone: str) -> str:
    """The day a payment came."""
    paid_at = row.settled_at or row.created_at
    return format_date(paid_at.astimezone(ZoneInfo(zone)).date())


def _build_payment(row: BillingRecord, zone: str) -> PaymentRow:
    day = format_paid_on(row, zone)
    note = "Reversed: recorded by mistake" if row.reversed_at else ""
    return PaymentRow(day, row.reference or "–", format_amount(row.amount, row.currency), note)
