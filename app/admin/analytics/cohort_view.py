"""Builds the cohort triangle and its file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.admin.analytics.requests import format_month, report_path
from app.admin.analytics.view import FilterView, build_filters
from app.admin.analytics.wording import format_month_short, format_rate
from app.analytics.cohort_report import CurrencyCohorts
from app.analytics.cohorts import Cohort
from app.analytics.report import RevenueReport
from app.statements.wording import format_amount
from app.web.csv_export import Cell, Money
from app.web.filters import quantity

COHORTS = "admin.cohorts"
FILE_HEAD = ("currency", "first_paid", "months_on", "orgs", "paying", "mrr")
_LEVELS = 5


@dataclass(frozen=True, slots=True)
class TriangleCell:
    """What is left of a cohort: the share of organisations, how many, their MRR. `level` 0 to 5 is its shade."""

    share: str
    orgs: str
    mrr: str
    level: int


@dataclass(frozen=True, slots=True)
class TriangleRow:
    """A cohort: its month, size, and a cell for each month since."""

    month: str
    orgs: str
    cells: Sequence[TriangleCell]


@dataclass(frozen=True)
class Triangle:
    """The cohorts of a currency, oldest first; `ages` heads the columns."""

    currency: str
    ages: Sequence[int]
    rows: Sequence[TriangleRow]


@dataclass(frozen=True)
class CohortsView:
    """The page."""

    triangles: Sequence[Triangle]
    filters: FilterView
    csv_href: str
    as_of: datetime


def build_cohorts_view(report: RevenueReport, found: Sequence[CurrencyCohorts], now_month: date) -> CohortsView:
    """Build the page."""
    return CohortsView(
        triangles=[_triangle(each) for each in found if each.cohorts],
        filters=build_filters(report, COHORTS, now_month),
        csv_href=report_path("admin.cohorts_csv", report.asked),
        as_of=report.as_of,
    )


def iterate_cohorts(found: Sequence[CurrencyCohorts]) -> Iterator[Sequence[Cell]]:
    """A line for each cell."""
    for each in found:
        for cohort in each.cohorts:
            for age, cell in enumerate(cohort.cells):
                mrr = Money(cell.mrr, each.currency)
                yield each.currency, format_month(cohort.month), age, len(cohort.orgs), cell.payers, mrr


def _triangle(each: CurrencyCohorts) -> Triangle:
    longest = max(len(cohort.cells) for cohort in each.cohorts)
    return Triangle(each.currency, range(longest), [_row(cohort, each.currency) for cohort in each.cohorts])


def _row(cohort: Cohort, currency: str) -> TriangleRow:
    return TriangleRow(
        format_month_short(cohort.month),
        quantity(len(cohort.orgs)),
        [
            TriangleCell(
                format_rate(cohort.retained(age)),
                quantity(cell.payers),
                format_amount(cell.mrr, currency),
                -(-cell.payers * _LEVELS // len(cohort.orgs)),
            )
            for age, cell in enumerate(cohort.cells)
        ],
    )
