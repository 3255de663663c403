"""Builds what the page shows of hours, endpoints, file sizes and active organisations. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.admin.usage.definitions import DEFINITIONS
from app.admin.usage.report import UsageReport
from app.kit.money import ZERO
from app.metering.rollups.total_shapes import EndpointUse, UsageShapes
from app.portal.shell.measures import ResponseRow, build_response_row, draw_file_sizes
from app.portal.usage.naming import name_part
from app.web import charts

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS = range(24)


@dataclass(frozen=True)
class ShapesView:
    """What a meter's usage looks like; each is None or empty where nothing is known. `glossary` is of the endpoints."""

    hours: charts.HeatMap | None
    hours_unit: str
    endpoints: Sequence[ResponseRow]
    glossary: Sequence[tuple[str, str]]
    sizes: charts.ColumnChart | None


def build_shapes_view(report: UsageReport, shapes: UsageShapes, unit: str) -> ShapesView:
    """Hours of the week in units where they add up, else in events; endpoints only if any is named."""
    shown = unit if report.adds else "events"
    named = any(each.part == "value" for each in shapes.endpoints)
    answered = any(each.responses or each.latency for each in shapes.endpoints)
    return ShapesView(
        hours=draw_hours(shapes, shown, by_events=not report.adds),
        hours_unit=shown,
        endpoints=[_endpoint(each) for each in shapes.endpoints] if named else [],
        glossary=[DEFINITIONS["error_rate"], DEFINITIONS["p95"]] if answered else [],
        sizes=draw_file_sizes(shapes.sizes),
    )


def draw_hours(shapes: UsageShapes, unit: str, *, by_events: bool) -> charts.HeatMap | None:
    """Weekdays by hours of the day, in UTC; None without any. Reversals may take an hour below zero."""
    if not shapes.hours:
        return None
    known = {(each.weekday, each.hour): Decimal(each.events) if by_events else each.quantity for each in shapes.hours}
    rows = [(name, [known.get((number, hour), ZERO) for hour in _HOURS]) for number, name in enumerate(WEEKDAYS, 1)]
    return charts.draw_heat_map(rows, [f"{hour:02}" for hour in _HOURS], unit)


def _endpoint(use: EndpointUse) -> ResponseRow:
    name = "All" if use.part == "whole" else name_part("endpoint", use.part, use.value or "", use.values)
    return build_response_row(name, use.events, use.quantity, use.responses, use.latency)
