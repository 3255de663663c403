"""The revenue report: one computation for the staff pages, their files and the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from uuid import UUID

from sqlalchemy.orm import Session

from app.analytics.book import RevenueBook, build_book
from app.analytics.conversion import FreeCounts, count_conversions
from app.analytics.history import count_orgs_at, list_timelines
from app.analytics.months import MonthRange, last_instant, month_at
from app.analytics.movements import KINDS, MonthMovements
from app.analytics.ratios import RevenueRatios, compute_conversion
from app.analytics.revenue import RevenueEntry
from app.analytics.takings import Takings, list_revenue, sum_takings
from app.analytics.timeline import Timeline, list_currencies

MOST_MONTHS = 36
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Months, and what is left out: None is everything. `plan` is a plan's key."""

    span: MonthRange
    plan: str | None = None
    currency: str | None = None
    org_id: UUID | None = None


@dataclass(frozen=True)
class CurrencyReport:
    """One currency over the months asked for; `book` has as many months before them, to compare with.

    `takings` is the revenue of these months, `takings_before` that of the months before.
    """

    book: RevenueBook
    span: MonthRange
    takings: Takings
    takings_before: Takings

    @property
    def currency(self) -> str:
        """The currency's code."""
        return self.book.currency

    @cached_property
    def months(self) -> list[tuple[date, MonthMovements]]:
        """The months asked for."""
        return list(zip(self.span.months, self.book.over(self.span), strict=True))

    @property
    def start(self) -> int:
        """Recurring revenue when the first month begins."""
        return self.months[0][1].start

    @property
    def end(self) -> int:
        """Recurring revenue at the end of the last."""
        return self.months[-1][1].end

    @cached_property
    def sums(self) -> dict[str, int]:
        """The movements of all months by kind, each of them net of its month."""
        return {kind: sum(month.sums[kind] for _, month in self.months) for kind in KINDS}

    @cached_property
    def ratios(self) -> RevenueRatios:
        """The ratios of these months."""
        return self.book.ratios(self.span)

    @cached_property
    def ratios_before(self) -> RevenueRatios:
        """The ratios of as many months before."""
        return self.book.ratios(self.span.before)

    def ratios_of(self, month: date) -> RevenueRatios:
        """The ratios of one month."""
        return self.book.ratios(MonthRange(month, month))

    def trials(self, span: MonthRange) -> Fraction | None:
        """The share of the trials that ended which are paid for."""
        ended, paid = self.book.trial_counts(span)
        return compute_conversion(paid, ended)


@dataclass(frozen=True)
class RevenueReport:
    """Every currency apart. `plans` are those that were ever charged for: (key, name). `free` counts all currencies."""

    asked: ReportFilter
    as_of: datetime
    currencies: tuple[CurrencyReport, ...]
    all_currencies: tuple[str, ...]
    plans: tuple[tuple[str, str], ...]
    timelines: tuple[Timeline, ...]
    free: dict[date, FreeCounts]

    def free_to_paid(self, span: MonthRange) -> Fraction | None:
        """The share of organisations on no paid plan that began to pay, of each month's added up."""
        months = [self.free[month] for month in span.months]
        return compute_conversion(sum(each.converted for each in months), sum(each.free for each in months))


def get_report(session: Session, asked: ReportFilter, now: datetime) -> RevenueReport:
    """The report, as of now or of the last month's last instant.

    Worked example: November and December 2026, one organisation on Pro since October: 49.00 at either end, none moved.
    """
    whole = MonthRange(asked.span.before.first, asked.span.last)
    until = last_instant(asked.span.last, now)
    timelines = list_timelines(session, until, asked.org_id)
    entries = list_revenue(session, whole.start, until + _INSTANT, asked.org_id)
    currencies = tuple(list_currencies(timelines, (entry.currency for entry in entries)))
    shown = [code for code in currencies if asked.currency in {None, code}]
    existing = count_orgs_at(session, whole.months, asked.org_id)
    return RevenueReport(
        asked=asked,
        as_of=until,
        currencies=tuple(_report_currency(code, timelines, entries, asked, now) for code in shown),
        all_currencies=currencies,
        plans=_list_plans(timelines),
        timelines=tuple(timelines),
        free=count_conversions(timelines, existing, whole, now),
    )


def list_books(session: Session, now: datetime) -> list[RevenueBook]:
    """The running month's book of each currency in which anything is charged, or was in it.

    Worked example: on 21 November one organisation pays 49 USD a month since the 5th: one book, 49.00, all of it new.
    """
    month = month_at(now)
    timelines = list_timelines(session, now)
    books = (build_book(timelines, code, MonthRange(month, month), now) for code in list_currencies(timelines))
    return [book for book in books if book.mrr]


def _report_currency(
    code: str, timelines: Sequence[Timeline], entries: Sequence[RevenueEntry], asked: ReportFilter, now: datetime
) -> CurrencyReport:
    before = asked.span.before
    return CurrencyReport(
        build_book(timelines, code, MonthRange(before.first, asked.span.last), now, asked.plan),
        asked.span,
        sum_takings(entries, code, asked.span, timelines, asked.plan),
        sum_takings(entries, code, before, timelines, asked.plan),
    )


def _list_plans(timelines: list[Timeline]) -> tuple[tuple[str, str], ...]:
    """Plans that cost something; a plan that was renamed has its last name."""
    named = {each.plan_key: each.plan_name for line in timelines for each in line.stretches if each.costs}
    return tuple(sorted(named.items(), key=lambda row: row[1]))
