"""Builds the figures of files and API from what was read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from app.admin.usage.schemas import ActiveOut, Figure, MeterAverage
from app.catalog.models import ADDITIVE, Meter
from app.metering.rollups.active import Active
from app.metering.rollups.total_parts import Part, UsagePart
from app.metering.rollups.total_shapes import EndpointUse, HourOfWeek, UsageShapes
from app.portal.usage.analytics_schemas import build_latency, build_responses, build_sizes

_PLACES = Decimal("0.000001")
_PART: dict[Part, Literal["total", "value", "others", "not_given"]] = {
    "whole": "total", "value": "value", "others": "others", "not given": "not_given",
}  # fmt: skip


def build_figures(
    parts: Iterable[UsagePart], meters: Mapping[int, Meter], *, before: bool, by_span: bool
) -> list[Figure]:
    """The parts of the days, or of the days `before`, over all of them or by span."""
    return [
        Figure(row.starts_on, row.meter, _PART[row.part], row.value, row.label, None, row.quantity,
               row.events)
        for row in parts
        if row.before is before and (row.starts_on is not None) is by_span and row.meter_id in meters
    ]  # fmt: skip


def build_hours(hours: Sequence[HourOfWeek], meter: Meter) -> list[Figure]:
    """An hour of the week each; hours without usage have none."""
    return [
        Figure(None, meter.key, "value", f"{each.hour:02}", None, each.weekday, each.quantity, each.events)
        for each in hours
    ]


def build_endpoints(shapes: UsageShapes, meter: Meter) -> list[Figure]:
    """The total with file sizes, then each endpoint, the others, and what names none."""
    whole, *rest = sorted(shapes.endpoints, key=lambda each: each.part != "whole")
    return [_endpoint(whole, meter, shapes.sizes), *(_endpoint(each, meter) for each in rest)]


def _endpoint(use: EndpointUse, meter: Meter, sizes: Decimal | None = None) -> Figure:
    return Figure(
        None, meter.key, _PART[use.part], use.value, use.value, None, use.quantity, use.events,
        build_responses(use.responses), build_latency(use.latency), build_sizes(sizes),
    )  # fmt: skip


def average(whole: Decimal, parts: int) -> Decimal | None:
    """A total by so many; None by none."""
    return (whole / parts).quantize(_PLACES).normalize() if parts else None


def build_averages(
    parts: Iterable[UsagePart], meters: Mapping[int, Meter], days: int, orgs: int | None
) -> list[MeterAverage]:
    """Of meters that add up."""
    found = []
    for row in parts:
        meter = meters.get(row.meter_id)
        if meter is None or meter.aggregation not in ADDITIVE or row.quantity is None:
            continue
        per_day = average(row.quantity, days)
        if row.part == "whole" and row.starts_on is None and not row.before and per_day is not None:
            found.append(MeterAverage(meter.key, per_day, average(row.quantity, orgs or 0)))
    return found


def build_active(active: Active | None) -> list[ActiveOut]:
    """By day or month; none where nobody was counted."""
    spans = active.spans if active else ()
    return [ActiveOut(each.starts_on, each.orgs, each.users) for each in spans if each.starts_on]
