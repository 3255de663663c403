"""Builds the usage page's view: figures, chart, breakdown, filters, comparison with the previous days. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.metering.breakdowns import Share, label_or_erased
from app.metering.events.filtered import MOST_EVENTS
from app.metering.rollups.overview import OverviewRow
from app.portal.usage.columns import draw_hours, draw_usage, find_limit
from app.portal.usage.comparing import describe_change, find_busiest, round_share
from app.portal.usage.figures import MeterUsage
from app.portal.usage.naming import name_dimension, name_part, name_value
from app.portal.usage.reads import MeterRef, UsageFrame
from app.portal.usage.refusals import RefusedRow
from app.portal.usage.requests import DIMENSIONS, NO_VALUE, SPANS, Range, UsageQuery
from app.portal.usage.sections import build_sections
from app.portal.usage.view_models import ExportLink, UsageRow, UsageView
from app.statements import wording
from app.web.addresses import path_to
from app.web.filters import quantity


@dataclass(frozen=True)
class UsageData:
    """What the page shows: the meter's figures, its other sections, and refused events."""

    usage: MeterUsage
    overview: Sequence[OverviewRow]
    refused: Sequence[RefusedRow]


def build_usage_view(frame: UsageFrame, presets: Mapping[str, tuple[str, Range]], data: UsageData) -> UsageView:
    """Build the page; all of its sums add up to `total`."""
    query, meter, usage = frame.query, frame.meter, data.usage
    total, events = usage.total
    before, days_before = _before(usage), query.range.before()
    change, trend = describe_change(total, before)
    chart = draw_hours(query, meter, data.overview) if query.span == "hour" else draw_usage(frame, usage)
    spans = query.spans if meter.adds_up else ["day", "month"]
    limit = find_limit(query, meter, frame.period, frame.zone)
    return UsageView(
        meter_name=meter.name,
        unit=wording.pluralise(meter.unit),
        zone=frame.zone,
        start=query.range.start,
        end=query.range.end,
        as_of=frame.now,
        meters=[(row.name, query.address(meter=row.key), row.id == meter.id) for row in frame.meters],
        spans=[(words, query.address(span=key), key == query.span) for key, words in SPANS.items() if key in spans],
        dimensions=_dimensions(query, meter, data.overview),
        presets=_presets(query, presets),
        hidden={name: value for name, value in query.values().items() if name not in {"period", "from", "to"}}
        | {"meter": meter.key},
        chips=_chips(query, data.overview),
        clear_href=query.without(*query.filters),
        total=total,
        total_unit=wording.unit_for(total, meter.unit),
        total_events=events,
        before=before,
        before_label=f"Before, {wording.format_days(days_before.start, days_before.end)}",
        change=change,
        trend=trend,
        busiest=find_busiest(usage),
        chart=chart,
        chart_title=f"{meter.name} by {query.span}",
        chart_description=_description(query, meter, total),
        limit_note=f"{limit[1]}: far above these columns, so it is not drawn." if limit and not chart.limit else None,
        breakdown_heading=f"By {name_dimension(query.by)}",
        breakdown=_breakdown(frame, usage),
        note=_note(query, usage),
        sections=build_sections(query, meter, frame.meters, data.overview),
        csv_href=query.csv(),
        excel_href=query.csv(bom="1"),
        exports=_exports(query),
        cut=frame.cut != (None, None),
        refused=data.refused,
    )


def _dimensions(query: UsageQuery, meter: MeterRef, rows: Sequence[OverviewRow]) -> list[tuple[str, str, bool]]:
    """Those of which events name values, and the chosen one; of a filtered meter that does not add up only that."""
    named = {row.value for row in rows if row.part == "dimension"} | {query.by}
    if not query.filters:
        named.add("meter")
    elif not meter.adds_up:
        named = {query.by}
    return [(words, query.address(by=key), key == query.by) for key, words in DIMENSIONS.items() if key in named]


def _chips(query: UsageQuery, rows: Sequence[OverviewRow]) -> list[tuple[str, str]]:
    labels = {row.value: row.label for row in rows if row.part == "filter"}
    chips = []
    for name, value in query.filters.items():
        words = NO_VALUE[name] if value is None else name_value(name, label_or_erased(labels.get(name), name))
        chips.append((f"{DIMENSIONS[name]}: {words}" if value is not None else words, query.without(name)))
    return chips


def _breakdown(frame: UsageFrame, usage: MeterUsage) -> list[UsageRow]:
    """Usage by value. What is beyond the largest values, or has none, gets a row, so the rows hold all events."""
    query = frame.query
    if query.by == "meter":
        return _by_meter(frame, usage)
    shares = sorted(usage.shares, key=lambda share: share.label) if query.by == "hour" else usage.shares
    return [
        UsageRow(
            name_part(query.by, share.part, share.label, share.values),
            share.quantity,
            share.events,
            round_share(share.quantity or ZERO, usage.total[0]),
            _press(frame, share),
        )
        for share in shares
    ]


def _press(frame: UsageFrame, share: Share) -> str | None:
    """The page filtered by a row; what has no value only where it can be told from the total."""
    query = frame.query
    if share.part == "others" or query.by in query.filters or (share.part == "not given" and not frame.meter.adds_up):
        return None
    return query.filtered(share.value if share.part == "value" else None)


def _by_meter(frame: UsageFrame, usage: MeterUsage) -> list[UsageRow]:
    """All meters. Their units differ, so shares are of events."""
    meters = {meter.id: meter for meter in frame.meters}
    all_events = sum(share.events for share in usage.shares)
    return [
        UsageRow(
            f"{meters[share.meter_id].name} ({wording.pluralise(meters[share.meter_id].unit)})",
            share.quantity,
            share.events,
            round_share(Decimal(share.events), Decimal(all_events)),
            href=frame.query.address(meter=meters[share.meter_id].key),
        )
        for share in usage.shares
        if share.meter_id in meters
    ]


def _note(query: UsageQuery, usage: MeterUsage) -> str | None:
    if not usage.too_many:
        return None
    words = f"Filters are combined by reading events, and these days have more than {quantity(MOST_EVENTS)}."
    if len(query.filters) > 1:
        return f"{words} Choose fewer days, or remove a filter."
    return f"{words} The figures above are complete; to divide them by {name_dimension(query.by)}, choose fewer days."


def _exports(query: UsageQuery) -> list[ExportLink]:
    """Files with the chosen days and filters."""
    return [
        ExportLink("Figures as CSV", query.csv(), "The figures of this page by day."),
        ExportLink("Figures as CSV for Excel", query.csv(bom="1"), "The same, marked as UTF-8."),
        ExportLink(
            "Events as CSV", query.events("csv"), "Every event of these days and filters, with all that it names."
        ),
        ExportLink("Events as JSON lines", query.events("jsonl"), "The same, one object a line, as the API has them."),
    ]


def _before(usage: MeterUsage) -> Decimal | None:
    """The previous days' total; None for meters whose days don't add up, and where it was not read."""
    return None if usage.before is None else sum(usage.before.values(), ZERO)


def _description(query: UsageQuery, meter: MeterRef, total: Decimal) -> str:
    days = f"{query.range.start.isoformat()} to {query.range.end.isoformat()}"
    used = f"{quantity(total)} {wording.unit_for(total, meter.unit)}"
    return f"{meter.name}, {days}: {used} in total. Every figure is in the table below."


def _presets(query: UsageQuery, presets: Mapping[str, tuple[str, Range]]) -> list[tuple[str, str, bool]]:
    kept = {name: value for name, value in query.values().items() if name in {"meter", "by", *query.filters}}
    return [
        (words, path_to("usage.index", period=key, **kept), key == query.preset) for key, (words, _) in presets.items()
    ]
