"""The organisations that bring most, by revenue, with their MRR: one list for the page, its file and the API. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.admin.analytics.requests import report_path
from app.admin.analytics.view import FilterView, build_filters
from app.admin.analytics.wording import format_months
from app.analytics.report import CurrencyReport, RevenueReport
from app.statements.wording import format_amount
from app.web.addresses import path_to
from app.web.csv_export import Cell, Money

TOP = "admin.top_orgs"
FILE_HEAD = ("rank", "org_id", "org", "currency", "revenue", "mrr")
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class TopPayer:
    """An organisation's revenue over the months, and its MRR at their end; minor units."""

    org_id: UUID
    name: str
    revenue: int
    mrr: int


@dataclass(frozen=True, slots=True)
class TopLine:
    """A row of the page."""

    href: str
    name: str
    revenue: str
    mrr: str


@dataclass(frozen=True)
class TopView:
    """The page: a list for each currency."""

    lists: Sequence[tuple[str, Sequence[TopLine]]]
    filters: FilterView
    period: str
    csv_href: str
    as_of: datetime


def rank_payers(report: RevenueReport, each: CurrencyReport) -> list[TopPayer]:
    """Organisations with revenue or MRR, by revenue, then by MRR, the most first."""
    names = {timeline.org_id: timeline.name for timeline in report.timelines}
    orgs = each.takings.orgs.keys() | {org for org, amounts in each.book.mrr.items() if amounts[-1]}
    found = [
        TopPayer(org, names.get(org, str(org)), each.takings.orgs.get(org, 0), each.book.mrr.get(org, (0,))[-1])
        for org in orgs
    ]
    return sorted(found, key=lambda row: (-row.revenue, -row.mrr, row.org_id))


def build_top_view(report: RevenueReport, now_month: date) -> TopView:
    """Build the page."""
    span = report.asked.span
    return TopView(
        lists=[
            (each.currency, [_line(row, each.currency) for row in rank_payers(report, each)[:MOST_SHOWN]])
            for each in report.currencies
        ],
        filters=build_filters(report, TOP, now_month),
        period=format_months(span.first, span.last),
        csv_href=report_path("admin.top_orgs_csv", report.asked),
        as_of=report.as_of,
    )


def iterate_top(report: RevenueReport) -> Iterator[Sequence[Cell]]:
    """All of them for a file."""
    for each in report.currencies:
        code = each.currency
        for rank, row in enumerate(rank_payers(report, each), start=1):
            yield rank, str(row.org_id), row.name, code, Money(row.revenue, code), Money(row.mrr, code)


def _line(row: TopPayer, currency: str) -> TopLine:
    href = path_to("admin.org", org_id=row.org_id)
    return TopLine(href, row.name, format_amount(row.revenue, currency), format_amount(row.mrr, currency))
