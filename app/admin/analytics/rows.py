"""Builds the rows behind a month's figures: organisations with what each had when it began and ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.admin.analytics.definitions import DEFINITIONS, LABELS
from app.admin.analytics.requests import format_month, report_path
from app.admin.analytics.view import REVENUE, ROWS
from app.admin.analytics.wording import format_change, format_month_name
from app.analytics.movements import KINDS, MrrMovement
from app.analytics.report import CurrencyReport, ReportFilter, RevenueReport
from app.portal.shell.links import Link
from app.statements.wording import format_amount
from app.web.addresses import path_to
from app.web.csv_export import Cell, Money

FILE_HEAD = ("month", "org_id", "org", "currency", "kind", "mrr_start", "mrr_end", "change")
MOST_SHOWN = 500
USUAL_CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class OrgLine:
    """An organisation's movement."""

    href: str
    name: str
    kind: str
    before: str
    after: str
    change: str


@dataclass(frozen=True)
class RowsView:
    """The page; `total` is the sum of the changes, `cut` says that not all rows are shown."""

    month: str
    currency: str
    kinds: Sequence[Link]
    definition: tuple[str, str]
    rows: Sequence[OrgLine]
    total: tuple[str, str, str]
    cut: str | None
    back_href: str
    csv_href: str


def list_rows(each: CurrencyReport | None, kind: str | None) -> list[MrrMovement]:
    """The organisations of the last month, of one kind of movement or all, the greatest change first."""
    if each is None:
        return []
    rows = [row for row in each.months[-1][1].rows if kind is None or row.kind == kind]
    return sorted(rows, key=lambda row: (-abs(row.amount), -row.after, row.org_id))


def build_rows_view(report: RevenueReport, each: CurrencyReport | None, kind: str | None) -> RowsView:
    """Build the page of a month's rows; `each` None: nothing was ever charged in the currency."""
    names = {timeline.org_id: timeline.name for timeline in report.timelines}
    rows, month = list_rows(each, kind), report.asked.span.last
    code = each.currency if each is not None else report.asked.currency or USUAL_CURRENCY
    amounts = [sum(row.before for row in rows), sum(row.after for row in rows), sum(row.amount for row in rows)]
    return RowsView(
        month=format_month_name(month),
        currency=code,
        kinds=[("All", _href(report.asked, code, month, None), kind is None)]
        + [(LABELS[each_kind], _href(report.asked, code, month, each_kind), kind == each_kind) for each_kind in KINDS],
        definition=DEFINITIONS[kind or "mrr"],
        rows=[_line(row, names, code) for row in rows[:MOST_SHOWN]],
        total=(format_amount(amounts[0], code), format_amount(amounts[1], code), format_change(amounts[2], code)),
        cut=f"The first {MOST_SHOWN} of {len(rows):,}; the file has all." if len(rows) > MOST_SHOWN else None,
        back_href=report_path(REVENUE, report.asked, currency=code, **{"from": None, "to": None}),
        csv_href=_href(report.asked, code, month, kind, "admin.revenue_rows_csv"),
    )


def iterate_file(report: RevenueReport, each: CurrencyReport | None, kind: str | None) -> Iterator[Sequence[Cell]]:
    """The same rows for a file."""
    names = {timeline.org_id: timeline.name for timeline in report.timelines}
    for row in list_rows(each, kind):
        code = each.currency if each is not None else USUAL_CURRENCY
        amounts = (Money(row.before, code), Money(row.after, code), Money(row.amount, code))
        yield format_month(report.asked.span.last), str(row.org_id), names[row.org_id], code, row.kind, *amounts


def _line(row: MrrMovement, names: dict[UUID, str], currency: str) -> OrgLine:
    return OrgLine(
        path_to("admin.org", org_id=row.org_id),
        names[row.org_id],
        LABELS[row.kind] if row.kind else "Unchanged",
        format_amount(row.before, currency),
        format_amount(row.after, currency),
        format_change(row.amount, currency),
    )


def _href(asked: ReportFilter, currency: str, month: date, kind: str | None, endpoint: str = ROWS) -> str:
    more = {"from": None, "to": None, "month": format_month(month), "kind": kind, "currency": currency}
    return report_path(endpoint, asked, **more)
