"""The billing history: which records the address asks for, a page of them, the same as a file, and the plan's life."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.payments import queries as payments
from app.payments.models import BillingRecord, StripeInvoice
from app.payments.queries import RecordFilter
from app.portal.billing import words
from app.portal.billing.requests import RecordsQuery
from app.portal.shell.links import Link
from app.statements import wording
from app.subscriptions import queries as subscriptions
from app.web.csv_export import Cell
from app.web.filters import brand
from app.web.paging import write_cursor

PAGE = 20
_FILE_PAGE = 500
_EVENTS = 10
HEAD = ("made", "settled", "state", "reason", "description", "amount", "refunded", "currency", "card", "invoice",
        "transaction", "failure")  # fmt: skip
# What came in and what went back, over all pages of a filter.
_TOTALS = text("""
SELECT currency, sum(amount) AS paid, sum(refunded) AS refunded FROM billing_records
WHERE org_id = :org_id AND state IN ('completed', 'refunded') AND (CAST(:state AS text) IS NULL OR state = :state)
  AND created_at >= coalesce(CAST(:start AS timestamptz), '-infinity')
  AND created_at < coalesce(CAST(:end AS timestamptz), 'infinity')
GROUP BY currency ORDER BY currency
""")


@dataclass(frozen=True)
class RecordRow:
    """One movement of money as the table shows it. `badge` is label, tone and icon of its state."""

    at: datetime
    description: str
    badge: tuple[str, str, str]
    amount: str
    refunded: str | None
    card: str
    note: str | None
    number: str | None
    pdf: str | None
    pay: str | None


@dataclass(frozen=True)
class HistoryView:
    """A page of the history with its filters; `totals` are sentences, one a currency; `life` are (when, words)."""

    rows: Sequence[RecordRow]
    states: Sequence[Link]
    since: date | None
    until: date | None
    state: str
    narrow: bool
    totals: Sequence[str]
    next_href: str | None
    first_href: str | None
    csv_href: str
    life: Sequence[tuple[datetime, str]]


_TONES = {
    "pending": ("accent", "clock"),
    "completed": ("good", "check"),
    "failed": ("bad", "cross"),
    "refunded": ("neutral", "arrow"),
}


def history(session: Session, org_id: UUID, asked: RecordsQuery) -> HistoryView:
    """Read one page; four statements, whatever its length."""
    found = payments.list_billing_records(session, org_id, asked.wanted, asked.cursor, PAGE + 1)
    shown = found[:PAGE]
    bills = _invoices(session, org_id, shown)
    following = None
    if len(found) > PAGE:
        following = asked.address(next=write_cursor(shown[-1].created_at.isoformat(), str(shown[-1].id)))
    return HistoryView(
        rows=[row(each, bills.get(each.invoice_id or "")) for each in shown],
        states=[("All", asked.address(state=""), asked.state is None)]
        + [(label, asked.address(state=key), key == asked.state) for key, label in words.STATES.items()],
        since=asked.since,
        until=asked.until,
        state=asked.state or "",
        narrow=asked.narrow,
        totals=_totals(session, org_id, asked.wanted) if shown else [],
        next_href=following,
        first_href=asked.address() if asked.cursor else None,
        csv_href=asked.csv(),
        life=[
            (each.at, words.life_event(each.kind, each.plan.name))
            for each in subscriptions.list_history(session, org_id, _EVENTS)
        ],
    )


def row(record: BillingRecord, invoice: StripeInvoice | None) -> RecordRow:
    """One record as the table shows it. Pure."""
    tone, icon = _TONES[record.state]
    open_bill = invoice is not None and invoice.status == "open" and invoice.amount_remaining > 0
    return RecordRow(
        at=record.created_at,
        description=record.description,
        badge=(words.record_state(record.state, record.refunded, record.amount), tone, icon),
        amount=wording.amount(record.amount, record.currency),
        refunded=f"{wording.amount(record.refunded, record.currency)} went back" if record.refunded else None,
        card=card(record),
        note=record.failure if record.state == "failed" else None,
        number=invoice.number if invoice else None,
        pdf=invoice.pdf_url if invoice else None,
        pay=invoice.hosted_url if invoice and open_bill else None,
    )


def card(record: BillingRecord) -> str:
    """The card that paid, or that was refused; empty when none did."""
    return f"{brand(record.card_brand)} {record.card_last4}" if record.card_last4 else ""


def of_checkout(session: Session, org_id: UUID, checkout_id: UUID) -> BillingRecord | None:
    """The movement that a checkout made."""
    chosen = select(BillingRecord).where(BillingRecord.org_id == org_id, BillingRecord.checkout_id == checkout_id)
    return session.scalars(chosen).one_or_none()


def file_rows(session: Session, org_id: UUID, wanted: RecordFilter) -> Iterator[tuple[Cell, ...]]:
    """All records of the filter, newest first, read page by page, so that its length is no matter."""
    position: tuple[datetime, UUID] | None = None
    while True:
        found = payments.list_billing_records(session, org_id, wanted, position, _FILE_PAGE)
        bills = _invoices(session, org_id, found)
        for each in found:
            yield _file_row(each, bills.get(each.invoice_id or ""))
        if len(found) < _FILE_PAGE:
            return
        position = found[-1].created_at, found[-1].id
        session.expunge_all()


def _file_row(each: BillingRecord, invoice: StripeInvoice | None) -> tuple[Cell, ...]:
    return (
        each.created_at, each.settled_at, each.state, each.reason, each.description,
        words.exact(each.amount, each.currency), words.exact(each.refunded, each.currency), each.currency,
        card(each), invoice.number if invoice else None, each.transaction_id, each.failure,
    )  # fmt: skip


def _invoices(session: Session, org_id: UUID, records: Sequence[BillingRecord]) -> dict[str, StripeInvoice]:
    ids = [each.invoice_id for each in records if each.invoice_id]
    return payments.find_invoices_by_id(session, org_id, ids) if ids else {}


def _totals(session: Session, org_id: UUID, wanted: RecordFilter) -> list[str]:
    asked = {"org_id": org_id, "state": wanted.state, "start": wanted.start, "end": wanted.end}
    return [_total(each) for each in session.execute(_TOTALS, asked)]


def _total(found: Row[Any]) -> str:
    paid, back = Decimal(found.paid), Decimal(found.refunded)
    said = f"{wording.amount(int(paid), found.currency)} paid"
    return f"{said}, {wording.amount(int(back), found.currency)} of it refunded" if back else said
