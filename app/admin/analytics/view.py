"""Builds the revenue page: figures with their definitions, the waterfall, months and plans. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from app.admin.analytics.definitions import DEFINITIONS, LABELS
from app.admin.analytics.requests import PRESETS, format_month, report_path
from app.admin.analytics.wording import (
    NONE,
    format_average,
    format_change,
    format_month_short,
    format_months,
    format_rate,
    format_ratio,
    in_major,
)
from app.analytics.months import MonthRange, add_months
from app.analytics.movements import CHURN, CONTRACTION, KINDS, MonthMovements
from app.analytics.report import CurrencyReport, ReportFilter, RevenueReport
from app.analytics.takings import Takings
from app.kit.money import ZERO
from app.portal.shell.links import Link
from app.statements.wording import format_amount
from app.web import charts
from app.web.filters import quantity

REVENUE, ROWS = "admin.revenue", "admin.revenue_rows"
_TOTAL, _GAIN, _LOSS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class FigureCard:
    """A figure, what it was in as many months before if it was anything, what it means, and the page of its rows."""

    key: str
    label: str
    value: str
    before: str | None
    definition: str
    rows_href: str | None = None


@dataclass(frozen=True, slots=True)
class MonthLine:
    """A month: its figures in the order of `HEAD`, each with the address of its rows."""

    month: str
    cells: Sequence[tuple[str, str, str | None]]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A plan's part of MRR at the end, and the page that shows it alone."""

    name: str
    orgs: str
    amount: str
    share: str
    href: str


@dataclass(frozen=True, slots=True)
class TakingsLine:
    """Revenue of a month or a plan: fees, overage, what belongs to no line, and all of it."""

    name: str
    fees: str
    overage: str
    other: str
    total: str


@dataclass(frozen=True)
class CurrencySection:
    """What the page shows of one currency."""

    currency: str
    figures: Sequence[FigureCard]
    chart: charts.Chart
    description: str
    months: Sequence[MonthLine]
    plans: Sequence[PlanLine]
    money: Sequence[FigureCard]
    money_chart: charts.Chart
    money_description: str
    money_months: Sequence[TakingsLine]
    money_plans: Sequence[TakingsLine]


@dataclass(frozen=True)
class FilterView:
    """The choices above a report; `chips` are filters in force: (words, address without it)."""

    first: str
    last: str
    presets: Sequence[Link]
    plans: Sequence[tuple[str, str, bool]]
    currencies: Sequence[tuple[str, str, bool]]
    hidden: dict[str, str]
    chips: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class RevenueView:
    """The page. `period` and `before` name the months and those that they are compared with."""

    sections: Sequence[CurrencySection]
    filters: FilterView
    period: str
    before: str
    free: FigureCard
    glossary: Sequence[tuple[str, str]]
    csv_href: str
    as_of: datetime


HEAD = ("Start", *(LABELS[kind] for kind in KINDS), "End")


def build_revenue_view(report: RevenueReport, now_month: date) -> RevenueView:
    """Build the page; currencies apart."""
    asked, before = report.asked, report.asked.span.before
    return RevenueView(
        sections=[_build_section(each, asked) for each in report.currencies],
        filters=build_filters(report, REVENUE, now_month),
        period=format_months(asked.span.first, asked.span.last),
        before=format_months(before.first, before.last),
        free=_card(
            "free_to_paid", format_rate(report.free_to_paid(asked.span)), format_rate(report.free_to_paid(before))
        ),
        glossary=[DEFINITIONS[kind] for kind in KINDS],
        csv_href=report_path("admin.revenue_csv", asked),
        as_of=report.as_of,
    )


def build_filters(report: RevenueReport, endpoint: str, now_month: date) -> FilterView:
    """The choices of a report's page. Currencies are links where there are several."""
    asked = report.asked
    named = dict(report.plans)
    chips = (
        [(f"Plan: {named.get(asked.plan, asked.plan)}", report_path(endpoint, asked, plan=None))] if asked.plan else []
    )
    if asked.currency:
        chips.append((f"Currency: {asked.currency}", report_path(endpoint, asked, currency=None)))
    if asked.org_id:
        name = next((each.name for each in report.timelines if each.org_id == asked.org_id), "without charges")
        chips.append((f"Organisation: {name}", report_path(endpoint, asked, org=None)))
    return FilterView(
        first=format_month(asked.span.first),
        last=format_month(asked.span.last),
        presets=[_preset(count, words, asked, endpoint, now_month) for count, words in PRESETS.items()],
        plans=[(key, name, key == asked.plan) for key, name in report.plans],
        currencies=[(code, code, code == asked.currency) for code in report.all_currencies],
        hidden={"org": str(asked.org_id)} if asked.org_id else {},
        chips=chips,
    )


def _preset(count: int, words: str, asked: ReportFilter, endpoint: str, now_month: date) -> Link:
    span = MonthRange(add_months(now_month, 1 - count), now_month)
    href = report_path(endpoint, asked, **{"from": format_month(span.first), "to": format_month(span.last)})
    return words, href, span == asked.span


def _build_section(each: CurrencyReport, asked: ReportFilter) -> CurrencySection:
    code = each.currency
    amount = format_amount(each.end, code)
    return CurrencySection(
        currency=code,
        figures=list_figures(each, asked),
        chart=build_waterfall(each.start, each.sums, each.end, code),
        description=f"MRR in {code}: {format_amount(each.start, code)} at the start, {amount} at the end.",
        months=[_build_month(month, moved, code, asked) for month, moved in reversed(each.months)],
        plans=[_build_plan(row, each, asked) for row in each.book.by_plan],
        money=list_money(each, asked),
        money_chart=_chart_money(each.takings),
        money_description=f"Revenue in {code}: {format_amount(each.takings.total, code)}.",
        money_months=[
            _line(format_month_short(month), parts, code) for month, parts in reversed(each.takings.months.items())
        ],
        money_plans=[_line(row.name, (row.fees, row.overage, 0), code) for row in each.takings.plans],
    )


def list_money(each: CurrencyReport, asked: ReportFilter) -> list[FigureCard]:
    """Revenue and the overage in it, each beside that of the months before."""
    now, then, code = each.takings, each.takings_before, each.currency
    rows = report_path("admin.top_orgs", asked, currency=code)
    return [
        _card("revenue", format_amount(now.total, code), format_amount(then.total, code), rows),
        _card("overage", format_amount(now.overage, code), format_amount(then.overage, code), rows),
    ]


def _chart_money(takings: Takings) -> charts.Chart:
    """Columns of fees and overage; what a month gave back beyond what it took is drawn as nothing."""
    months = takings.months
    series = [
        charts.Series(name, [max(in_major(parts[index], takings.currency), ZERO) for parts in months.values()], tone)
        for name, index, tone in (("fees", 0, 1), ("overage", 1, 2))
    ]
    return charts.bars([format_month_short(month) for month in months], series, head="Month")


def _line(name: str, parts: tuple[int, int, int], currency: str) -> TakingsLine:
    return TakingsLine(name, *(format_amount(part, currency) for part in (*parts, sum(parts))))


def list_figures(each: CurrencyReport, asked: ReportFilter) -> list[FigureCard]:
    """The figures of a currency, each beside that of the months before."""
    code, now, then = each.currency, each.ratios, each.ratios_before
    last = each.months[-1][1]
    rows = _rows_href(asked, code, each.span.last)
    churned = _rows_href(asked, code, each.span.last, CHURN)
    return [
        _card("mrr", format_amount(each.end, code), format_amount(each.start, code), rows),
        _card("committed", format_amount(each.book.committed, code)),
        _card("payers", quantity(last.payers_after), quantity(each.months[0][1].payers_before), rows),
        _card("arpa", format_average(now.arpa, code), format_average(then.arpa, code), rows),
        _card("logo_churn", format_rate(now.logo_churn), format_rate(then.logo_churn), churned),
        _card("revenue_churn", format_rate(now.revenue_churn), format_rate(then.revenue_churn), churned),
        _card("nrr", format_rate(now.nrr), format_rate(then.nrr), rows),
        _card("grr", format_rate(now.grr), format_rate(then.grr), rows),
        _card("quick_ratio", format_ratio(now.quick_ratio), format_ratio(then.quick_ratio), rows),
        _card("ltv", format_average(now.ltv, code), format_average(then.ltv, code), rows),
        _card("trials", format_rate(each.trials(each.span)), format_rate(each.trials(each.span.before))),
    ]


def build_waterfall(start: int, sums: dict[str, int], end: int, currency: str) -> charts.Chart:
    """From MRR at the start by what moved to MRR at the end."""
    steps = [
        charts.WaterfallStep("Start", in_major(start, currency), format_amount(start, currency), _TOTAL, total=True)
    ]
    steps += [
        charts.WaterfallStep(
            LABELS[kind], in_major(sums[kind], currency), format_change(sums[kind], currency),
            _LOSS if kind in {CONTRACTION, CHURN} else _GAIN,
        )
        for kind in KINDS
    ]  # fmt: skip
    steps.append(charts.WaterfallStep("End", in_major(end, currency), format_amount(end, currency), _TOTAL, total=True))
    return charts.waterfall(steps)


def _build_month(month: date, moved: MonthMovements, currency: str, asked: ReportFilter) -> MonthLine:
    cells: list[tuple[str, str, str | None]] = [("Start", format_amount(moved.start, currency), None)]
    for kind in KINDS:
        href = _rows_href(asked, currency, month, kind) if moved.counts[kind] else None
        cells.append((LABELS[kind], format_change(moved.sums[kind], currency), href))
    cells.append(("End", format_amount(moved.end, currency), _rows_href(asked, currency, month)))
    return MonthLine(format_month_short(month), cells)


def _build_plan(row: tuple[str, str, int, int], each: CurrencyReport, asked: ReportFilter) -> PlanLine:
    key, name, amount, orgs = row
    share = format_rate(None if each.end == 0 else Fraction(amount, each.end))
    href = report_path(REVENUE, asked, plan=key, currency=each.currency)
    return PlanLine(name, quantity(orgs), format_amount(amount, each.currency), share, href)


def _rows_href(asked: ReportFilter, currency: str, month: date, kind: str | None = None) -> str:
    return report_path(
        ROWS, asked, currency=currency, month=format_month(month), kind=kind, **{"from": None, "to": None}
    )


def _card(key: str, value: str, before: str | None = None, rows_href: str | None = None) -> FigureCard:
    label, definition = DEFINITIONS[key]
    return FigureCard(key, label, value, None if before == NONE else before, definition, rows_href)
