"""The columns of usage over the days, by part, with the days before as their ghost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from app.admin.analytics.wording import format_month_short
from app.admin.usage.report import UsageTotals
from app.admin.usage.requests import usage_path
from app.kit.money import ZERO
from app.metering.rollups.total_parts import DAY, Span, UsagePart
from app.portal.usage.naming import name_part
from app.web import charts
from app.web.filters import NO_BREAK

USAGE, USERS = "admin.usage", "admin.usage_orgs"
HEADS: dict[Span, str] = {"day": "Day", "week": "Week from", "month": "Month"}
_DRAWN = 5
"""How many values have a tone of their own."""


def list_starts(first: date, last: date, span: Span) -> list[date]:
    """Where the columns begin: every day, Monday or first of a month that the days touch."""
    days = [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]
    if span == "day":
        return days
    return sorted({each.replace(day=1) if span == "month" else each - each.weekday() * DAY for each in days})


def name_start(start: date, span: Span) -> str:
    """How a column is named: 3 Nov, or Nov 2026."""
    return format_month_short(start) if span == "month" else f"{start.day}{NO_BREAK}{start:%b}"


def draw_usage(report: UsageTotals, unit: str) -> charts.ColumnChart:
    """The largest values apart where they add up, else the whole."""
    asked = report.asked
    starts = list_starts(asked.first, asked.last, asked.span)
    spans = [row for row in report.parts if row.starts_on is not None]
    before = {row.starts_on: row.quantity or ZERO for row in spans if row.before and row.part == "whole"}
    return charts.draw_columns(
        [name_start(start, asked.span) for start in starts],
        _list_parts(report, [row for row in spans if not row.before], starts, unit),
        head=HEADS[asked.span],
        ghost=("Before", [max(before.get(start, ZERO), ZERO) for start in starts]) if before else None,
    )


def name_row(row: UsagePart, by: str) -> str:
    """A part as pages name it."""
    return "" if row.part == "whole" else name_part(by, row.part, row.label or "", row.values)


def part_href(row: UsagePart, report: UsageTotals) -> str | None:
    """The page of a plan alone: plans are the parts that usage is kept by together with days."""
    if row.part != "value" or report.asked.by != "plan" or report.asked.plan:
        return None
    return usage_path(USAGE, report.meter.key, report.asked, plan=row.value)


def _list_parts(
    report: UsageTotals, spans: Sequence[UsagePart], starts: Sequence[date], unit: str
) -> list[charts.ColumnPart]:
    if not report.adds:
        return [charts.ColumnPart(unit, _place([row for row in spans if row.part == "whole"], starts), "1")]
    named = [row for row in report.parts if row.starts_on is None and not row.before and row.part == "value"]
    drawn = [row for row in named[:_DRAWN] if row.quantity]
    apart = {row.value for row in drawn}
    parts = []
    for tone, row in enumerate(drawn, start=1):
        mine = [each for each in spans if each.value == row.value and each.part == "value"]
        name, href = name_row(row, report.asked.by), part_href(row, report)
        parts.append(charts.ColumnPart(name, _place(mine, starts), str(tone), href))
    rest = [row for row in spans if row.part == "others" or (row.part == "value" and row.value not in apart)]
    nameless = [row for row in spans if row.part == "not given"]
    if rest:
        parts.append(charts.ColumnPart("Others", _place(rest, starts), charts.OTHERS))
    if nameless:
        parts.append(
            charts.ColumnPart(name_row(nameless[0], report.asked.by), _place(nameless, starts), charts.NOT_GIVEN)
        )
    return parts


def _place(rows: Sequence[UsagePart], starts: Sequence[date]) -> list[Decimal]:
    """The sum of some parts at each start."""
    sums: dict[date | None, Decimal] = {}
    for row in rows:
        sums[row.starts_on] = sums.get(row.starts_on, ZERO) + (row.quantity or ZERO)
    return [sums.get(start, ZERO) for start in starts]
