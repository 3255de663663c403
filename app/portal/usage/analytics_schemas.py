"""Query and response of GET /usage/analytics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from app.catalog.models import ADDITIVE
from app.kit.fields import Instant, Label
from app.kit.money import ZERO
from app.metering.rollups.analytics import AnalyticsRow
from app.metering.rollups.histograms import LATENCY_BOUNDS, RESPONSES, SIZE_BOUNDS, find_percentile, unpack
from app.web.paging import Limit

GroupBy = Literal[
    "meter", "kind", "provider", "endpoint", "user", "client", "key", "plan", "language", "format", "attempt", "status",
    "hour",
]  # fmt: skip
_PLACES = Decimal("0.0001")


class UsageAnalyticsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Days of the organisation's zone, both inclusive. `next` is the cursor from the previous page."""

    start: date | None = msgspec.field(default=None, name="from")
    end: date | None = msgspec.field(default=None, name="to")
    span: Literal["hour", "day", "month"] = "day"
    group_by: GroupBy = "meter"
    meter: Label | None = None
    limit: Limit = 100
    next: str | None = None


class Bucket(msgspec.Struct):
    """The number of events above the bucket before and up to `up_to`; null: above the last."""

    up_to: int | None
    events: int


class ResponsesOut(msgspec.Struct):
    """The events that carry a status. `error_rate` is the share of those from 400 on, to four places."""

    events: int
    client_errors: int
    server_errors: int
    error_rate: Decimal


class LatencyOut(msgspec.Struct):
    """The events that carry a response time. At least half took at most `p50_ms`, 95 % at most `p95_ms`."""

    events: int
    p50_ms: int | None
    p95_ms: int | None
    buckets: list[Bucket]


class SizesOut(msgspec.Struct):
    """The events that carry a file size. At least half are at most `p50_bytes`, 95 % at most `p95_bytes`."""

    events: int
    p50_bytes: int | None
    p95_bytes: int | None
    buckets: list[Bucket]


class UsageAnalyticsRow(msgspec.Struct):
    """Usage of a meter on a day, in a month (by its first day) or in an hour, for one value of `group_by`.

    `given` is false for the events that name no value. `value` is what you sent, or the id of a key or plan version;
    `label` its name; both null when it was erased or not given. `quantity` = `billed` + `unbilled`; `unbilled` was
    imported, and `free` comes on top: work that is never billed. Null is not known: maxima and distinct values have no
    parts and do not add up. The last three are null where no event carries them or `group_by` has none.
    """

    day: date
    hour: int | None
    meter: str
    given: bool
    value: str | None
    label: str | None
    quantity: Decimal | None
    billed: Decimal | None
    unbilled: Decimal | None
    free: Decimal | None
    events: int
    free_events: int
    responses: ResponsesOut | None
    latency: LatencyOut | None
    file_sizes: SizesOut | None


class UsageAnalyticsAnswer(msgspec.Struct):
    """Oldest first; `next` is null on the last page."""

    start: date = msgspec.field(name="from")
    end: date = msgspec.field(name="to")
    time_zone: str
    span: str
    group_by: str
    rows: list[UsageAnalyticsRow]
    next: str | None
    as_of: Instant


def build_row(row: AnalyticsRow, *, by_hour: bool, by_meter: bool) -> UsageAnalyticsRow:
    """Build a row of the response; `by_hour`: its value is the hour."""
    adds = row.aggregation in ADDITIVE
    unbilled = row.unbilled or ZERO
    plain = by_hour or by_meter
    return UsageAnalyticsRow(
        day=row.day,
        hour=int(row.value) if by_hour else None,
        meter=row.meter,
        given=row.rank == 0,
        value=None if plain else row.reference,
        label=None if plain else row.label,
        quantity=row.quantity,
        billed=row.quantity - unbilled if adds and row.quantity is not None else None,
        unbilled=unbilled if adds else None,
        free=row.free or ZERO if adds else None,
        events=row.events,
        free_events=row.free_events or 0,
        responses=build_responses(row.responses),
        latency=build_latency(row.latency),
        file_sizes=build_sizes(row.sizes),
    )


def build_responses(packed: Decimal | None) -> ResponsesOut | None:
    """How events were answered; None if none carries a status."""
    good, client, server = unpack(packed, RESPONSES)
    events = good + client + server
    if not events:
        return None
    return ResponsesOut(events, client, server, (Decimal(client + server) / events).quantize(_PLACES))


def build_latency(packed: Decimal | None) -> LatencyOut | None:
    """How long answers took; None if no event carries a time."""
    counts = unpack(packed, len(LATENCY_BOUNDS) + 1)
    half, most = (find_percentile(counts, LATENCY_BOUNDS, percent) for percent in (50, 95))
    return LatencyOut(sum(counts), half, most, _buckets(counts, LATENCY_BOUNDS)) if any(counts) else None


def build_sizes(packed: Decimal | None) -> SizesOut | None:
    """How large files were; None if no event carries one."""
    counts = unpack(packed, len(SIZE_BOUNDS) + 1)
    half, most = (find_percentile(counts, SIZE_BOUNDS, percent) for percent in (50, 95))
    return SizesOut(sum(counts), half, most, _buckets(counts, SIZE_BOUNDS)) if any(counts) else None


def _buckets(counts: Sequence[int], bounds: Sequence[int]) -> list[Bucket]:
    """Those that are not empty."""
    return [Bucket(bound, count) for bound, count in zip((*bounds, None), counts, strict=True) if count]


EXAMPLE: dict[str, Any] = {
    "from": "2026-11-21",
    "to": "2026-11-21",
    "time_zone": "Europe/Berlin",
    "span": "day",
    "group_by": "endpoint",
    "rows": [
        {
            "day": "2026-11-21",
            "hour": None,
            "meter": "api_calls",
            "given": True,
            "value": "/v1/scans",
            "label": "/v1/scans",
            "quantity": "1200",
            "billed": "1000",
            "unbilled": "200",
            "free": "0",
            "events": 1200,
            "free_events": 0,
            "responses": {"events": 1000, "client_errors": 12, "server_errors": 3, "error_rate": "0.015"},
            "latency": {
                "events": 1000,
                "p50_ms": 80,
                "p95_ms": 300,
                "buckets": [{"up_to": 80, "events": 700}, {"up_to": 300, "events": 300}],
            },
            "file_sizes": None,
        },
        {
            "day": "2026-11-21",
            "hour": None,
            "meter": "api_calls",
            "given": False,
            "value": None,
            "label": None,
            "quantity": "40",
            "billed": "40",
            "unbilled": "0",
            "free": "0",
            "events": 40,
            "free_events": 0,
            "responses": None,
            "latency": None,
            "file_sizes": None,
        },
    ],
    "next": None,
    "as_of": "2026-11-21T12:00:00Z",
}
