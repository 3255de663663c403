"""Builds the usage page's view: chart, table over time, breakdown, comparison with the previous days. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.kit.money import ZERO, round_half_away
from app.metering.breakdowns import Share
from app.metering.queries import UsageFigure
from app.portal.usage.refusals import RefusedRow
from app.portal.usage.requests import DIMENSIONS, NO_VALUE, SPANS, Range, UsageQuery
from app.portal.usage.view_models import UsageRow, UsageView
from app.statements import wording
from app.web import charts
from app.web.addresses import path_to
from app.web.filters import quantity

ADDITIVE = frozenset({"sum", "count"})
_MANY_TIMES = 10


@dataclass(frozen=True, slots=True)
class MeterRef:
    """A meter as shown on the page."""

    id: int
    key: str
    name: str
    unit: str
    aggregation: str


@dataclass(frozen=True)
class UsageData:
    """The meter's usage data: by day or month, on the previous days, in total, and by the chosen dimension."""

    meter: MeterRef
    meters: Sequence[MeterRef]
    figures: Sequence[UsageFigure]
    earlier: Sequence[UsageFigure]
    shares: Sequence[Share]
    total: tuple[Decimal, int]
    refused: Sequence[RefusedRow]


def build_usage_view(
    query: UsageQuery, presets: Mapping[str, tuple[str, Range]], data: UsageData, zone: str, now: datetime
) -> UsageView:
    """Build the page; all of its sums add up to `total`."""
    meter, unit = data.meter, wording.pluralise(data.meter.unit)
    figures, (total, events) = data.figures, data.total
    before, days_before = _before(data), query.range.before()
    change, trend = _change(total, before)
    rows = _rows(query, figures, total)
    return UsageView(
        meter_name=meter.name,
        unit=unit,
        zone=zone,
        start=query.range.start,
        end=query.range.end,
        as_of=now,
        meters=[(row.name, query.address(meter=row.key), row.id == meter.id) for row in data.meters],
        spans=[(words, query.address(span=key), key == query.span) for key, words in SPANS.items()],
        dimensions=[(words, query.address(by=key), key == query.by) for key, words in DIMENSIONS.items()],
        presets=_presets(query, presets),
        hidden={"meter": meter.key, "by": query.by, "span": query.span},
        total=total,
        total_unit=wording.unit_for(total, meter.unit),
        total_events=events,
        before=before,
        before_label=f"Before, {wording.format_days(days_before.start, days_before.end)}",
        change=change,
        trend=trend,
        busiest=_busiest(figures),
        chart=_chart(query, figures, unit),
        chart_title=f"{meter.name} by {query.span}",
        chart_description=_description(query, meter, total),
        rows_heading=f"By {query.span}",
        rows=rows,
        breakdown_heading=f"By {DIMENSIONS[query.by].lower()}" if query.by != "key" else "By API key",
        breakdown=_breakdown(query, data, total),
        csv_href=query.csv(),
        excel_href=query.csv(bom="1"),
        refused=data.refused,
    )


def sum_by_span(query: UsageQuery, figures: Sequence[UsageFigure]) -> dict[date, tuple[Decimal, int]]:
    """Quantity and events for every day or month of the range, including those without usage."""
    step: Callable[[date], date] = (lambda day: day.replace(day=1)) if query.span == "month" else (lambda day: day)
    sums: dict[date, tuple[Decimal, int]] = {}
    for number in range(query.range.days):
        sums.setdefault(step(query.range.start + timedelta(days=number)), (ZERO, 0))
    for figure in figures:
        key = step(figure.day)
        if key in sums:
            current = sums[key]
            sums[key] = (current[0] + figure.quantity, current[1] + figure.events)
    return sums


def _rows(query: UsageQuery, figures: Sequence[UsageFigure], total: Decimal) -> list[UsageRow]:
    spans = sum_by_span(query, figures).items()
    return [
        UsageRow(
            label=_label(query, key),
            quantity=amount,
            events=events,
            share=_share(amount, total),
            href=_month_address(query, key) if query.span == "month" and events else None,
        )
        for key, (amount, events) in reversed(list(spans))
        if events or query.span == "month"
    ]


def _breakdown(query: UsageQuery, data: UsageData, total: Decimal) -> list[UsageRow]:
    """Usage by value. What is beyond the largest values, or has none, gets a row, so the rows hold all events."""
    if query.by == "meter":
        return _by_meter(query, data)
    return [
        UsageRow(_name(share, query.by), share.quantity, share.events, _share(share.quantity or ZERO, total))
        for share in data.shares
    ]


def _name(share: Share, dimension: str) -> str:
    if share.part == "others":
        return f"{quantity(share.values)} {'other' if share.values == 1 else 'others'}"
    return NO_VALUE[dimension] if share.part == "not given" else share.label


def _by_meter(query: UsageQuery, data: UsageData) -> list[UsageRow]:
    """All meters. Their units differ, so shares are of events."""
    meters = {meter.id: meter for meter in data.meters}
    all_events = sum(share.events for share in data.shares)
    return [
        UsageRow(
            f"{meters[share.meter_id].name} ({wording.pluralise(meters[share.meter_id].unit)})",
            share.quantity,
            share.events,
            _share(Decimal(share.events), Decimal(all_events)),
            href=query.address(meter=meters[share.meter_id].key),
        )
        for share in data.shares
        if share.meter_id in meters
    ]


def _before(data: UsageData) -> Decimal | None:
    """The previous days' total; None for meters whose days don't add up."""
    if data.meter.aggregation not in ADDITIVE:
        return None
    return sum((figure.quantity for figure in data.earlier), ZERO)


def _change(total: Decimal, before: Decimal | None) -> tuple[str | None, str | None]:
    if before is None:
        return None, None
    if before <= 0:
        return ("No usage then", None)
    change = int((total - before) * 100 / before)
    if change == 0:
        return "About the same now", None
    if change >= _MANY_TIMES * 100:
        return f"About {_round_times(total / before)} times as much now", "up"
    return (f"{abs(change)} % {'more' if change > 0 else 'less'} now", "up" if change > 0 else "down")


def _round_times(ratio: Decimal) -> str:
    """A ratio of ten and more to two significant digits: 2,307.69 is 2,300."""
    step = 10 ** max(0, ratio.adjusted() - 1)
    return quantity(round_half_away(ratio / step) * step)


def _busiest(figures: Sequence[UsageFigure]) -> str | None:
    peak = max(figures, key=lambda figure: figure.quantity, default=None)
    if peak is None or peak.quantity <= 0:
        return None
    return f"{peak.day.day} {peak.day:%b}: {quantity(peak.quantity)}"


def _chart(query: UsageQuery, figures: Sequence[UsageFigure], unit: str) -> charts.Chart:
    spans = sum_by_span(query, figures)
    labels = [_label(query, key) for key in spans]
    values = [max(amount, ZERO) for amount, _ in spans.values()]  # a correction can exceed a day's usage
    return charts.bars(labels, [charts.Series(unit, values)], head=SPANS[query.span])


def _description(query: UsageQuery, meter: MeterRef, total: Decimal) -> str:
    days = f"{query.range.start.isoformat()} to {query.range.end.isoformat()}"
    used = f"{quantity(total)} {wording.unit_for(total, meter.unit)}"
    return f"{meter.name}, {days}: {used} in total. The table below has every figure."


def _presets(query: UsageQuery, presets: Mapping[str, tuple[str, Range]]) -> list[tuple[str, str, bool]]:
    kept = {name: value for name, value in query.values().items() if name in {"meter", "by"}}
    return [
        (words, path_to("usage.index", period=key, **kept), key == query.preset) for key, (words, _) in presets.items()
    ]


def _label(query: UsageQuery, key: date) -> str:
    return f"{key:%b %Y}" if query.span == "month" else f"{key.day} {key:%b}"


def _month_address(query: UsageQuery, first: date) -> str:
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return query.with_days(max(first, query.range.start), min(last, query.range.end)).replace("span=month", "span=day")


def _share(part: Decimal, whole: Decimal) -> int:
    """Whole percent, halves rounded up from 1 on; the shares of a table need not add up to 100."""
    percentage = part * 100 / whole if whole > 0 else ZERO
    return 0 if percentage < 1 else min(100, round_half_away(percentage))
