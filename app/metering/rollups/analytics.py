"""One org's usage over time by the values of a dimension: quantities, parts, errors, response times, file sizes.

Every event of a meter is in exactly one row of its day or month, so its rows sum to the total where the meter adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.rollups.models import DIMENSIONS, MEASURED

Span = Literal["day", "month"]
Position = tuple[date, int, int, str]
"""Where a page ends: day, meter's id, 0 for values and 1 for events that name none, value."""

# Histograms of what is not given are a difference too, where they are kept by value.
_ANALYTICS = text("""
    WITH asked AS MATERIALIZED (
        SELECT a.* FROM usage_over_time(
            :span, :org, :first, :last, NULL, NULL,
            CASE WHEN :rest THEN ARRAY['', CAST(:dimension AS text)] ELSE ARRAY[CAST(:dimension AS text)] END, true) a
        JOIN catalog_meters m ON m.id = a.meter_id AND m.key = coalesce(:meter, m.key)
    ), given AS (
        SELECT * FROM asked a WHERE a.dimension = :dimension
    ), named AS (
        SELECT g.day, g.meter_id, sum(g.quantity) FILTER (WHERE g.events > 0) AS quantity,
               max(g.quantity) FILTER (WHERE g.events > 0) AS peak, sum(g.events) AS events,
               sum(g.unbilled) AS unbilled, sum(g.free) AS free, sum(g.free_events) AS free_events,
               sum(g.responses) AS responses, sum(g.latency) AS latency, sum(g.sizes) AS sizes
        FROM given g GROUP BY g.day, g.meter_id
    ), parts AS (
        SELECT g.day, g.meter_id, 0 AS rank, g.value, g.quantity, g.events, g.unbilled, g.free, g.free_events,
               g.responses, g.latency, g.sizes
        FROM given g
        UNION ALL
        SELECT w.day, w.meter_id, 1, '', usage_not_given(m.aggregation, w.quantity, n.quantity, n.peak),
               w.events - coalesce(n.events, 0)::bigint, w.unbilled - coalesce(n.unbilled, 0),
               w.free - coalesce(n.free, 0), w.free_events - coalesce(n.free_events, 0)::bigint,
               CASE WHEN :measured THEN w.responses - coalesce(n.responses, 0) END,
               CASE WHEN :measured THEN w.latency - coalesce(n.latency, 0) END,
               CASE WHEN :measured THEN w.sizes - coalesce(n.sizes, 0) END
        FROM asked w JOIN catalog_meters m ON m.id = w.meter_id
        LEFT JOIN named n ON n.day = w.day AND n.meter_id = w.meter_id
        WHERE :rest AND CAST(:dimension AS text) <> '' AND w.dimension = ''
          AND (w.events > coalesce(n.events, 0) OR coalesce(w.free_events, 0) <> coalesce(n.free_events, 0))
    )
    SELECT p.day, p.meter_id, m.key AS meter, m.aggregation, p.rank, p.value,
           CASE WHEN p.rank = 0 THEN usage_reference(:org, :dimension, p.value) END AS reference,
           CASE WHEN p.rank = 0 THEN usage_label(:org, :dimension, p.value) END AS label,
           p.quantity, p.events, p.unbilled, p.free, p.free_events, p.responses, p.latency, p.sizes
    FROM (
        SELECT * FROM parts p
        WHERE CAST(:after AS date) IS NULL
           OR (p.day, p.meter_id, p.rank, p.value COLLATE "C") > (
               CAST(:after AS date), CAST(:after_meter AS integer), CAST(:after_rank AS integer),
               CAST(:after_value AS text))
        ORDER BY p.day, p.meter_id, p.rank, p.value COLLATE "C" LIMIT :limit) p
    JOIN catalog_meters m ON m.id = p.meter_id
    ORDER BY p.day, p.meter_id, p.rank, p.value COLLATE "C"
""")


@dataclass(frozen=True, slots=True)
class AnalyticsRow:
    """Usage of a meter on a day or in a month for one value, or (`rank` 1) for the events that name none.

    `reference` and `label` are None for these, and once erased. `quantity` is None where it is not known. `unbilled` is
    part of it, `free` is not; `events` are those that count. The last three are packed histograms.
    """

    day: date
    meter_id: int
    meter: str
    aggregation: str
    rank: int
    value: str
    reference: str | None
    label: str | None
    quantity: Decimal | None
    events: int
    unbilled: Decimal | None
    free: Decimal | None
    free_events: int | None
    responses: Decimal | None
    latency: Decimal | None
    sizes: Decimal | None

    @property
    def position(self) -> Position:
        """Where a page that ends with this row is continued."""
        return self.day, self.meter_id, self.rank, self.value


def list_analytics(
    session: Session,
    org_id: UUID,
    span: Span,
    days: tuple[date, date],
    dimension: str,
    *,
    meter: str | None = None,
    rest: bool = True,
    after: Position | None = None,
    limit: int = 200,
) -> Sequence[AnalyticsRow]:
    """List usage by day or month of the org's zone, both ends inclusive, by meter and value; '' for the totals.

    `meter` is a key. Without `rest`, events that name no value are left out.

    Worked example: on Monday 7 by Ada and 1 without a user: (Monday, Ada, 7), (Monday, rank 1, 1).
    """
    if dimension not in DIMENSIONS:
        raise ValueError(f"no roll-up is kept by {dimension!r}")
    day, meter_id, rank, value = after or (None, None, None, None)
    rows = session.execute(
        _ANALYTICS,
        {
            "org": org_id, "span": span, "first": days[0], "last": days[1], "dimension": dimension, "meter": meter,
            "measured": dimension in MEASURED, "rest": rest, "after": day, "after_meter": meter_id, "after_rank": rank,
            "after_value": value, "limit": limit,
        },
    )  # fmt: skip
    return [AnalyticsRow(**row) for row in rows.mappings()]
