"""Draws the usage page's chart: columns by day or month in parts, the days before as ghost, and the limit. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from app.kit.money import ZERO
from app.kit.periods import Period, month_of
from app.metering.rollups.overview import OverviewRow
from app.portal.usage.figures import Amount, DayPart, MeterUsage
from app.portal.usage.naming import name_part
from app.portal.usage.reads import MeterRef, UsageFrame
from app.portal.usage.requests import SPANS, UsageQuery
from app.statements import wording
from app.web import charts
from app.web.filters import quantity

MOST_STACKED = 92
_TONES = {"others": charts.OTHERS, "not given": charts.NOT_GIVEN}


def draw_usage(frame: UsageFrame, usage: MeterUsage) -> charts.ColumnChart:
    """Columns that sum to the total; beyond 92 of them they are not divided."""
    query, meter = frame.query, frame.meter
    spans = sum_by_span(query, usage.whole)
    hrefs = [_open(query, key) if events else None for key, (_, events) in spans.items()]
    return charts.draw_columns(
        [label_span(query, key) for key in spans],
        _parts(query, usage, spans, wording.pluralise(meter.unit)),
        head=SPANS[query.span],
        ghost=_ghost(query, usage),
        limit=find_limit(query, meter, frame.period, frame.zone),
        hrefs=hrefs if query.range.days > 1 else [],
    )


def draw_hours(query: UsageQuery, meter: MeterRef, rows: Sequence[OverviewRow]) -> charts.ColumnChart:
    """The hours of at most a week, in which a weekday is a day."""
    found = {(row.n, row.value): row.quantity or ZERO for row in rows if row.part == "hour"}
    days = [query.range.start + timedelta(days=number) for number in range(query.range.days)]
    hours = [(day, f"{hour:02}") for day in days for hour in range(24)]
    amounts = [found.get((day.isoweekday(), hour), ZERO) for day, hour in hours]
    return charts.draw_columns(
        [f"{day.day} {day:%b}, {hour}:00" for day, hour in hours],
        [charts.ColumnPart(wording.pluralise(meter.unit), amounts, "1")],
        head=SPANS["hour"],
        limit=_limit_hours(meter),
    )


def sum_by_span(query: UsageQuery, figures: Mapping[date, Amount]) -> dict[date, Amount]:
    """Quantity and events for every day or month of the range, including those without usage."""
    step = _step(query)
    sums: dict[date, Amount] = {}
    for number in range(query.range.days):
        sums.setdefault(step(query.range.start + timedelta(days=number)), (ZERO, 0))
    for day, (amount, events) in figures.items():
        key = step(day)
        if key in sums:
            current = sums[key]
            sums[key] = (current[0] + amount, current[1] + events)
    return sums


def label_span(query: UsageQuery, key: date) -> str:
    """A day or month as it stands below its column."""
    return f"{key:%b %Y}" if query.span == "month" else f"{key.day} {key:%b}"


def find_limit(query: UsageQuery, meter: MeterRef, period: Period, zone: str) -> tuple[Decimal, str] | None:
    """The line of what a day or month may not exceed, or includes; None without one, and for filtered columns."""
    if query.filters or not meter.adds_up:
        return None
    if query.span == "hour":
        return _limit_hours(meter)
    if query.span == "day":
        return (meter.per_day, f"Limit {quantity(meter.per_day)} a day") if meter.per_day is not None else None
    if period != month_of(period.start, zone):
        return None
    if meter.cap is not None:
        return meter.cap, f"Limit {quantity(meter.cap)} a month"
    return (meter.allowance, f"{quantity(meter.allowance)} a month included") if meter.allowance else None


def _limit_hours(meter: MeterRef) -> tuple[Decimal, str] | None:
    return (meter.per_hour, f"Limit {quantity(meter.per_hour)} an hour") if meter.per_hour is not None else None


def _parts(query: UsageQuery, usage: MeterUsage, spans: Mapping[date, Amount], unit: str) -> list[charts.ColumnPart]:
    if not usage.parts or len(spans) > MOST_STACKED or len(usage.parts) == 1:
        return [charts.ColumnPart(unit, [amount for amount, _ in spans.values()], "1")]
    parts = []
    for order, part in enumerate(usage.parts):
        sums = sum_by_span(query, {day: (amount, 0) for day, amount in part.days.items()})
        tone = _TONES.get(part.part, str(order + 1))
        name = name_part(query.by, part.part, part.label, part.values)
        parts.append(charts.ColumnPart(name, [amount for amount, _ in sums.values()], tone, _filter(query, part)))
    return parts


def _filter(query: UsageQuery, part: DayPart) -> str | None:
    if part.part == "others" or query.by in query.filters:
        return None
    return query.filtered(part.value if part.part == "value" else None)


def _ghost(query: UsageQuery, usage: MeterUsage) -> tuple[str, list[Decimal]] | None:
    """The days before, each where the same day stands now."""
    if not usage.before or not any(usage.before.values()):
        return None
    later = timedelta(days=query.range.days)
    sums = sum_by_span(query, {day + later: (amount, 0) for day, amount in usage.before.items()})
    before = query.range.before()
    name = f"Before, {wording.format_days(before.start, before.end)}"
    return name, [max(amount, ZERO) for amount, _ in sums.values()]


def _step(query: UsageQuery) -> Callable[[date], date]:
    return (lambda day: day.replace(day=1)) if query.span == "month" else (lambda day: day)


def _open(query: UsageQuery, key: date) -> str:
    """The days of a column: a day by hour, a month by day."""
    if query.span == "day":
        return query.with_days(key, key, span="day" if query.filters else "hour")
    last = (key + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return query.with_days(max(key, query.range.start), min(last, query.range.end), span="day")
