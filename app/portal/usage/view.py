"""The usage page's view: chart, table over time, breakdown, comparison with the days before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.kit.money import ZERO, round_half_away
from app.metering.queries import Share, UsageFigure
from app.portal.usage.refusals import RefusedRow
from app.portal.usage.requests import DIMENSIONS, SPANS, Range, UsageQuery
from app.portal.usage.view_models import UsageRow, UsageView
from app.statements import wording
from app.web import charts
from app.web.addresses import path_to
from app.web.filters import quantity

ADDED = frozenset({"sum", "count"})


@dataclass(frozen=True, slots=True)
class MeterRef:
    """A meter as the page names it."""

    id: int
    key: str
    name: str
    unit: str
    aggregation: str


@dataclass(frozen=True)
class Found:
    """What the database said of the meter: by day or month, on the days before, in all, and by the chosen dimension."""

    meter: MeterRef
    meters: Sequence[MeterRef]
    figures: Sequence[UsageFigure]
    earlier: Sequence[UsageFigure]
    shares: Sequence[Share]
    total: tuple[Decimal, int]
    refused: Sequence[RefusedRow]


def usage_view(
    asked: UsageQuery, presets: Mapping[str, tuple[str, Range]], found: Found, zone: str, now: datetime
) -> UsageView:
    """Assemble the page; `total` is what all of its sums meet in."""
    meter, unit = found.meter, wording.units(found.meter.unit)
    inside, (total, events) = found.figures, found.total
    before = _before(found)
    change, trend = _change(total, before)
    rows = _rows(asked, inside, total)
    return UsageView(
        meter_name=meter.name,
        unit=unit,
        zone=zone,
        start=asked.range.start,
        end=asked.range.end,
        as_of=now,
        meters=[(each.name, asked.address(meter=each.key), each.id == meter.id) for each in found.meters],
        spans=[(words, asked.address(span=key), key == asked.span) for key, words in SPANS.items()],
        dimensions=[(words, asked.address(by=key), key == asked.by) for key, words in DIMENSIONS.items()],
        presets=_presets(asked, presets),
        hidden={"meter": meter.key, "by": asked.by, "span": asked.span},
        total=total,
        total_events=events,
        before=before,
        change=change,
        trend=trend,
        busiest=_busiest(inside),
        chart=_chart(asked, inside, unit),
        chart_title=f"{meter.name} by {asked.span}",
        chart_description=_description(asked, meter, total, unit),
        rows_heading=f"By {asked.span}",
        rows=rows,
        breakdown_heading=f"By {DIMENSIONS[asked.by].lower()}" if asked.by != "key" else "By API key",
        breakdown=_breakdown(asked, found, total, events),
        csv_href=asked.csv(),
        refused=found.refused,
    )


def by_span(asked: UsageQuery, figures: Sequence[UsageFigure]) -> dict[date, tuple[Decimal, int]]:
    """Every day or month of the range with its quantity and events, those without use too."""
    step: Callable[[date], date] = (lambda day: day.replace(day=1)) if asked.span == "month" else (lambda day: day)
    found: dict[date, tuple[Decimal, int]] = {}
    for number in range(asked.range.days):
        found.setdefault(step(asked.range.start + timedelta(days=number)), (ZERO, 0))
    for each in figures:
        key = step(each.day)
        if key in found:
            held = found[key]
            found[key] = (held[0] + each.quantity, held[1] + each.events)
    return found


def _rows(asked: UsageQuery, figures: Sequence[UsageFigure], total: Decimal) -> list[UsageRow]:
    spans = by_span(asked, figures).items()
    return [
        UsageRow(
            label=_label(asked, key),
            quantity=amount,
            events=events,
            share=_share(amount, total),
            href=_month_address(asked, key) if asked.span == "month" and events else None,
        )
        for key, (amount, events) in reversed(list(spans))
        if events or asked.span == "month"
    ]


def _breakdown(asked: UsageQuery, found: Found, total: Decimal, events: int) -> list[UsageRow]:
    """By value; what carries no such label is a line of its own, so that the lines add up to the total."""
    if asked.by == "meter":
        return _by_meter(asked, found)
    mine = [each for each in found.shares if each.meter_id == found.meter.id]
    rows = [UsageRow(each.label, each.quantity, each.events, _share(each.quantity, total)) for each in mine]
    rest = events - sum(each.events for each in mine)
    if rest > 0 and found.meter.aggregation in ADDED:
        left = total - sum((each.quantity for each in mine), ZERO)
        rows.append(UsageRow(f"No {DIMENSIONS[asked.by].lower()} given", left, rest, _share(left, total)))
    return rows


def _by_meter(asked: UsageQuery, found: Found) -> list[UsageRow]:
    """Every meter; units differ, so that the share is that of events."""
    names = {each.id: each for each in found.meters}
    every = sum(each.events for each in found.shares)
    return [
        UsageRow(
            f"{names[each.meter_id].name} ({wording.units(names[each.meter_id].unit)})",
            each.quantity,
            each.events,
            _share(Decimal(each.events), Decimal(every)),
            href=asked.address(meter=names[each.meter_id].key),
        )
        for each in found.shares
        if each.meter_id in names
    ]


def _before(found: Found) -> Decimal | None:
    """The days before, where days add up; None otherwise."""
    if found.meter.aggregation not in ADDED:
        return None
    return sum((each.quantity for each in found.earlier), ZERO)


def _change(total: Decimal, before: Decimal | None) -> tuple[str | None, str | None]:
    if before is None:
        return None, None
    if before <= 0:
        return ("Nothing in the days before", None)
    change = int((total - before) * 100 / before)
    if change == 0:
        return "About the same now", None
    return (f"{abs(change)} % {'more' if change > 0 else 'less'} now", "up" if change > 0 else "down")


def _busiest(figures: Sequence[UsageFigure]) -> str | None:
    most = max(figures, key=lambda each: each.quantity, default=None)
    if most is None or most.quantity <= 0:
        return None
    return f"{most.day.day} {most.day:%b}: {quantity(most.quantity)}"


def _chart(asked: UsageQuery, figures: Sequence[UsageFigure], unit: str) -> charts.Chart:
    spans = by_span(asked, figures)
    labels = [_label(asked, key) for key in spans]
    values = [max(amount, ZERO) for amount, _ in spans.values()]  # a correction may outweigh a day's use
    return charts.bars(labels, [charts.Series(unit, values)], head=SPANS[asked.span])


def _description(asked: UsageQuery, meter: MeterRef, total: Decimal, unit: str) -> str:
    days = f"{asked.range.start.isoformat()} to {asked.range.end.isoformat()}"
    return f"{meter.name}, {days}: {quantity(total)} {unit} in all. The table below has every figure."


def _presets(asked: UsageQuery, presets: Mapping[str, tuple[str, Range]]) -> list[tuple[str, str, bool]]:
    kept = {name: value for name, value in asked.values().items() if name in {"meter", "by"}}
    return [
        (words, path_to("usage.index", period=key, **kept), key == asked.picked) for key, (words, _) in presets.items()
    ]


def _label(asked: UsageQuery, key: date) -> str:
    return f"{key:%b %Y}" if asked.span == "month" else f"{key.day} {key:%b}"


def _month_address(asked: UsageQuery, first: date) -> str:
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return asked.with_days(max(first, asked.range.start), min(last, asked.range.end)).replace("span=month", "span=day")


def _share(part: Decimal, whole: Decimal) -> int:
    """Whole per cent, halves up; the shares of a table need not add up to 100."""
    return max(0, min(100, round_half_away(part * 100 / whole))) if whole > 0 else 0
