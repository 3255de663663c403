"""Builds staff's list of our own invoices, and those on an organisation's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select
from sqlalchemy.orm import Session

from app.admin import queries
from app.billing_runs.offline import list_invoiceable
from app.invoices.offline.models import OPEN, PAID, VOID, WRITTEN_OFF, IssuedInvoice
from app.invoices.offline.queries import (
    OVERDUE,
    IssuedFilter,
    list_issued,
    list_owed,
    select_newest_issued,
    sum_owed,
    sum_owed_with_overdue,
)
from app.invoices.offline.terms import get_terms_days
from app.kit.postgres.together import ask
from app.portal.shell.issued import Badge, describe_issued_state, format_date
from app.portal.shell.links import Link
from app.statements.wording import format_amount
from app.web.addresses import path_to
from app.web.paging import encode_cursor, parse_time_id_cursor

ALL = "all"
STATES = {OPEN: "Open", OVERDUE: "Overdue", PAID: "Paid", WRITTEN_OFF: "Written off", VOID: "Void", ALL: "All"}
_BY_DUE_DAY = frozenset({OPEN, OVERDUE})
_PAGE, _FEW = 50, 6


@dataclass(frozen=True, slots=True)
class IssuedRow:
    """An invoice in a list. `due` is empty where nothing is to be paid."""

    id: UUID
    org_id: UUID
    org: str
    number: str
    badge: Badge
    issued: str
    due_on: str
    total: str
    due: str


@dataclass(frozen=True, slots=True)
class InvoicesView:
    """Staff's list. `owed` has two figures per currency: (label, amount, note)."""

    rows: Sequence[IssuedRow]
    owed: Sequence[tuple[str, str, str]]
    states: Sequence[Link]
    empty: str
    next_href: str | None
    first_href: str | None


@dataclass(frozen=True, slots=True)
class OrgInvoices:
    """Our own invoices to one organisation: the latest, the terms, and what waits for the next, by currency."""

    rows: Sequence[IssuedRow]
    days: int
    waiting: Sequence[str]
    more: str | None


def get_invoices_view(session: Session, state: str, cursor: str | None, now: datetime) -> InvoicesView:
    """Read a page in three queries: what is open by its due day, else newest first. Raises `InvalidRequest`."""
    shown, position = IssuedFilter(state=None if state == ALL else state), parse_time_id_cursor(cursor)
    by_due_day = state in _BY_DUE_DAY
    find = list_owed if by_due_day else list_issued
    rows = find(session, shown, now, position, _PAGE + 1)
    following = None
    if len(rows) > _PAGE:
        last = rows[_PAGE - 1]
        at = last.due_at if by_due_day else last.issued_at
        following = path_to("admin.invoices", state=state, next=encode_cursor(at.isoformat(), str(last.invoice_id)))
    return InvoicesView(
        rows=_build_rows(session, rows[:_PAGE], now),
        owed=[figure for row in sum_owed(session, now) for figure in _list_owed_figures(row)],
        states=[(label, path_to("admin.invoices", state=key), key == state) for key, label in STATES.items()],
        empty="No invoice has been issued yet." if state == ALL else f"No invoice is {STATES[state].lower()}.",
        next_href=following,
        first_href=path_to("admin.invoices", state=state) if position else None,
    )


def get_overdue(session: Session, now: datetime) -> InvoicesView:
    """Read what the overview shows, in one statement: the longest overdue, and what is owed by currency."""
    totals, late = sum_owed_with_overdue(session, now, _FEW)
    owed = [figure for row in totals for figure in _list_owed_figures(row)]
    rows = [_build_row(invoice, name, now) for invoice, name in late]
    return InvoicesView(rows, owed, (), "No invoice is overdue.", None, None)


def get_org_invoices(session: Session, org: Row[Any], paid_in: str, now: datetime) -> OrgInvoices | None:
    """Read what an organisation's page shows of our invoices; None if it has none and pays in another way.

    What waits in another currency than it pays in (`paid_in`) only an invoice of ours can bill.
    """
    rows = ask(session, select_org_invoices(org.id, now))
    if not rows and org.collection != "offline" and not set(org.waiting_in) - {paid_in}:
        return None
    waiting: dict[str, int] = {}
    for line in list_invoiceable(session, org.id) if org.waiting_in else ():
        waiting[line.currency] = waiting.get(line.currency, 0) + line.amount
    return OrgInvoices(
        rows=[_build_row(row, org.name, now) for row in rows[:_FEW]],
        days=get_terms_days(session, org.id),
        waiting=[format_amount(amount, currency) for currency, amount in waiting.items()],
        more=f"The latest {_FEW}." if len(rows) > _FEW else None,
    )


def select_org_invoices(org_id: UUID, now: datetime) -> Select[IssuedInvoice]:
    """Select the latest of our invoices to an organisation."""
    return select_newest_issued(IssuedFilter(org_id), now, None, _FEW + 1)


def _list_owed_figures(row: Row[Any]) -> Sequence[tuple[str, str, str]]:
    late = [
        (f"Overdue in {row.currency}", format_amount(row.overdue, row.currency), _count(row.overdue_invoices))
    ] if row.overdue_invoices else []  # fmt: skip
    return [(f"Open in {row.currency}", format_amount(row.owed, row.currency), _count(row.invoices)), *late]


def _count(invoices: int) -> str:
    return "1 invoice" if invoices == 1 else f"{invoices:,} invoices"


def _build_rows(session: Session, rows: Sequence[IssuedInvoice], now: datetime) -> list[IssuedRow]:
    names = queries.list_org_names(session, {row.org_id for row in rows})
    return [_build_row(row, names[row.org_id], now) for row in rows]


def _build_row(row: IssuedInvoice, org: str, now: datetime) -> IssuedRow:
    return IssuedRow(
        id=row.invoice_id,
        org_id=row.org_id,
        org=org,
        number=row.number,
        badge=describe_issued_state(row, now),
        issued=format_date(row.issued_on),
        due_on=format_date(row.due_on),
        total=format_amount(row.total, row.currency),
        due=format_amount(row.due, row.currency) if row.due else "–",
    )
