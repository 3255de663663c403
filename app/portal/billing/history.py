"""Billing history: a page of records, the same records as CSV, and the subscription's events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.invoices.offline.queries import find_issued, select_issued
from app.invoices.queries import find_ids_by_stripe_id, select_ids_by_stripe_id
from app.kit.postgres.together import AnySelect, prepare
from app.payments import queries as payments
from app.payments.mirrors.models import StripeCreditNote, StripeRefund
from app.payments.mirrors.queries import list_credit_notes, list_refunds, select_credit_notes, select_refunds
from app.payments.models import BillingRecord, StripeInvoice
from app.payments.queries import RecordFilter
from app.portal.billing import words
from app.portal.billing.requests import RecordsQuery
from app.portal.shell.links import Link
from app.statements import wording
from app.subscriptions import queries as subscriptions
from app.web.addresses import path_to
from app.web.csv_export import Cell, Money
from app.web.filters import payment_method
from app.web.paging import encode_cursor

PAGE = 20
_FILE_PAGE = 500
_EVENTS = 10
HEAD = ("made", "settled", "state", "reason", "description", "amount", "refunded", "currency", "card", "invoice",
        "transaction", "failure", "credit_notes", "refunded_at")  # fmt: skip


@dataclass(frozen=True)
class NoteLink:
    """A credit note on a record's invoice, and where its PDF is."""

    number: str
    at: datetime
    void: bool
    pdf: str | None


@dataclass(frozen=True)
class RecordRow:
    """A billing record as the table shows it. `badge` is (label, tone, icon) of its state.

    `page` is that of its invoice; None where it has none. `refunds` are (amount, when) of what went back.
    """

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
    page: str | None = None
    credit_notes: Sequence[NoteLink] = ()
    refunds: Sequence[tuple[str, datetime]] = ()


@dataclass(frozen=True)
class HistoryView:
    """A page of history with its filters. `totals` has one sentence per currency; `life` is (when, words)."""

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
    "reversed": ("neutral", "ban"),
}


def get_history_view(session: Session, org_id: UUID, query: RecordsQuery) -> HistoryView:
    """Read one page in two statements, however many rows it has, if the records were prepared in one."""
    records = payments.list_billing_records(session, org_id, query.record_filter, query.cursor, PAGE + 1)
    shown = records[:PAGE]
    _prepare(session, org_id, shown, query.record_filter)
    bills = _invoices(session, org_id, shown)
    named = [record.invoice_id for record in shown if record.invoice_id]
    usage = find_ids_by_stripe_id(session, org_id, named)
    numbers = _find_numbers(session, org_id, shown)
    notes, refunds = list_credit_notes(session, org_id, named), _find_refunds(session, org_id, shown)
    totals = payments.list_totals(session, org_id, query.record_filter) if shown else []
    following = None
    if len(records) > PAGE:
        following = query.address(next=encode_cursor(shown[-1].created_at.isoformat(), str(shown[-1].id)))
    return HistoryView(
        rows=[
            build_record_row(
                record,
                bills.get(record.invoice_id or ""),
                record.offline_invoice_id or usage.get(record.invoice_id or ""),
                numbers.get(record.offline_invoice_id),
                notes.get(record.invoice_id or "", ()),
                refunds=refunds.get(record.transaction_id or "", ()),
            )
            for record in shown
        ],
        states=[("All", query.address(state=""), query.state is None)]
        + [(label, query.address(state=key), key == query.state) for key, label in words.STATES.items()],
        since=query.since,
        until=query.until,
        state=query.state or "",
        narrow=query.narrow,
        totals=[_total(total, narrow=query.narrow) for total in totals],
        next_href=following,
        first_href=query.address() if query.cursor else None,
        csv_href=query.csv(),
        life=[
            (event.at, words.describe_event(event.kind, event.plan.name))
            for event in subscriptions.list_history(session, org_id, _EVENTS)
        ],
    )


def select_page(org_id: UUID, query: RecordsQuery) -> Sequence[AnySelect]:
    """Select a page's records, and the events beside them."""
    records = payments.select_billing_records(org_id, query.record_filter, query.cursor, PAGE + 1)
    return records, subscriptions.select_history(org_id, _EVENTS)


def _prepare(session: Session, org_id: UUID, records: Sequence[BillingRecord], shown: RecordFilter) -> None:
    """Read together what belongs to records."""
    if not records:
        return
    bills = [record.invoice_id for record in records if record.invoice_id]
    ours = {record.offline_invoice_id for record in records if record.offline_invoice_id}
    prepare(
        session,
        payments.select_invoices(org_id, bills),
        select_ids_by_stripe_id(org_id, bills),
        select_issued(org_id, ours),
        select_credit_notes(org_id, bills),
        select_refunds(org_id, _list_refunded(records)),
        payments.select_totals(org_id, shown),
    )


def build_record_row(
    record: BillingRecord,
    invoice: StripeInvoice | None,
    usage_id: UUID | None = None,
    number: str | None = None,
    notes: Sequence[StripeCreditNote] = (),
    *,
    refunds: Sequence[StripeRefund] = (),
) -> RecordRow:
    """Build the table row of a record. Pure.

    `usage_id` is the id of our invoice with the usage that it pays; `number` is that of one that we issued ourselves.
    """
    tone, icon = _TONES[record.state]
    open_bill = invoice is not None and invoice.status == "open" and invoice.amount_remaining > 0
    return RecordRow(
        at=record.created_at,
        description=record.description,
        badge=(words.describe_record_state(record.state, record.refunded, record.amount), tone, icon),
        amount=wording.format_amount(record.amount, record.currency),
        refunded=f"{wording.format_amount(record.refunded, record.currency)} refunded" if record.refunded else None,
        card=describe_card(record),
        note=words.describe_record_note(record.state, record.failure),
        number=number or (invoice.number if invoice else None),
        pdf=invoice.pdf_url if invoice else None,
        pay=invoice.hosted_url if invoice and open_bill else None,
        page=path_to("invoices.invoice", invoice_id=str(usage_id or invoice.id)) if invoice else None,
        credit_notes=[
            NoteLink(note.number, note.created_at, note.voided_at is not None, note.pdf_url) for note in notes
        ],
        refunds=[(wording.format_amount(refund.amount, refund.currency), refund.created_at) for refund in refunds],
    )


def describe_card(record: BillingRecord) -> str:
    """The card, or what else paid or was declined; empty if there was none. Staff record the bank's reference."""
    if record.reference is not None:
        return f"Bank transfer, {record.reference}"
    return payment_method(record.card_brand, record.card_last4)


def iterate_file_rows(session: Session, org_id: UUID, record_filter: RecordFilter) -> Iterator[tuple[Cell, ...]]:
    """Yield all records of the filter, newest first, read in pages so that memory stays constant."""
    position: tuple[datetime, UUID] | None = None
    while True:
        records = payments.list_billing_records(session, org_id, record_filter, position, _FILE_PAGE)
        bills, numbers = _invoices(session, org_id, records), _find_numbers(session, org_id, records)
        notes, refunds = list_credit_notes(session, org_id, list(bills)), _find_refunds(session, org_id, records)
        for record in records:
            invoice = bills.get(record.invoice_id or "")
            number = numbers.get(record.offline_invoice_id) or (invoice.number if invoice else None)
            mine = refunds.get(record.transaction_id or "", ())
            yield _file_row(record, number, notes.get(record.invoice_id or "", ()), mine)
        if len(records) < _FILE_PAGE:
            return
        position = records[-1].created_at, records[-1].id
        session.expunge_all()


def _file_row(
    record: BillingRecord, number: str | None, notes: Sequence[StripeCreditNote], refunds: Sequence[StripeRefund]
) -> tuple[Cell, ...]:
    return (
        record.created_at, record.settled_at, record.state, record.reason, record.description,
        Money(record.amount, record.currency),
        Money(record.refunded, record.currency), record.currency,
        describe_card(record), number, record.transaction_id, record.failure,
        " ".join(note.number for note in notes if note.voided_at is None) or None,
        " ".join(refund.created_at.isoformat() for refund in refunds) or None,
    )  # fmt: skip


def _find_refunds(session: Session, org_id: UUID, records: Sequence[BillingRecord]) -> dict[str, list[StripeRefund]]:
    return list_refunds(session, org_id, _list_refunded(records))


def _list_refunded(records: Sequence[BillingRecord]) -> list[str]:
    return [record.transaction_id for record in records if record.transaction_id and record.refunded]


def _invoices(session: Session, org_id: UUID, records: Sequence[BillingRecord]) -> dict[str, StripeInvoice]:
    ids = [record.invoice_id for record in records if record.invoice_id]
    return payments.find_invoices_by_id(session, org_id, ids) if ids else {}


def _find_numbers(session: Session, org_id: UUID, records: Sequence[BillingRecord]) -> dict[UUID | None, str]:
    """The numbers of our own invoices that records pay."""
    ids = {record.offline_invoice_id for record in records if record.offline_invoice_id}
    return {key: issued.number for key, issued in find_issued(session, org_id, ids).items()}


def _total(row: Row[Any], *, narrow: bool) -> str:
    paid = wording.format_amount(int(row.paid), row.currency)
    filters = " with these filters" if narrow else ""
    if not row.refunded:
        return f"{paid} paid{filters}."
    return f"{paid} paid, {wording.format_amount(int(row.refunded), row.currency)} of it refunded{filters}."
