"""All orgs' usage of a meter over some days, for staff: its hours of the week, its endpoints, its file sizes.

UTC days and hours, with the events of the last seconds; of all plans. Hours and endpoints sum to the meter's total
where it adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.rollups.total_parts import Part


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """Usage on one weekday (1 is Monday) in one hour, over all the days. `quantity` of a maximum is the greatest."""

    weekday: int
    hour: int
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class EndpointUse:
    """Usage of an endpoint, of the others together (`values` of them), of events that name none, or of all.

    `responses` and `latency` are packed histograms; None where no event has any.
    """

    part: Part
    value: str | None
    values: int
    quantity: Decimal | None
    events: int
    responses: Decimal | None
    latency: Decimal | None


@dataclass(frozen=True, slots=True)
class UsageShapes:
    """`endpoints` are values first, then others, not given and the whole; `sizes` is a packed histogram."""

    hours: tuple[HourOfWeek, ...]
    endpoints: tuple[EndpointUse, ...]
    sizes: Decimal | None


_SHAPES = text("""
    WITH given AS MATERIALIZED (
        SELECT x.value, CASE WHEN :greatest THEN max(x.quantity) ELSE sum(x.quantity) END AS quantity,
               coalesce(sum(x.events), 0)::bigint AS events, sum(x.responses) AS responses, sum(x.latency) AS latency
        FROM (SELECT s.value, s.quantity, s.events, NULL::numeric AS responses, NULL::numeric AS latency
              FROM usage_total_series(:first, :last, 'endpoint') s WHERE s.meter_id = :meter_id
              UNION ALL
              SELECT h.value, NULL, NULL, h.responses, h.latency
              FROM usage_total_histograms(:first, :last, 'endpoint') h WHERE h.meter_id = :meter_id) x
        GROUP BY x.value
    ), placed AS (
        SELECT g.*, row_number() OVER (ORDER BY g.events DESC, g.value) > :most AS is_rest FROM given g
    ), named AS (
        SELECT sum(g.quantity) AS quantity, max(g.quantity) AS peak, sum(g.events) AS events,
               sum(g.responses) AS responses, sum(g.latency) AS latency FROM given g
    ), whole AS (
        SELECT s.quantity, s.events, h.responses, h.latency, h.sizes
        FROM (SELECT CASE WHEN :greatest THEN max(t.quantity) ELSE sum(t.quantity) END AS quantity,
                     coalesce(sum(t.events), 0)::bigint AS events
              FROM usage_total_series(:first, :last, '') t WHERE t.meter_id = :meter_id) s,
             (SELECT sum(t.responses) AS responses, sum(t.latency) AS latency, sum(t.sizes) AS sizes
              FROM usage_total_histograms(:first, :last, '') t WHERE t.meter_id = :meter_id) h
    )
    SELECT 'hour' AS part, t.value, extract(isodow FROM t.day)::integer AS n,
           CASE WHEN :greatest THEN max(t.quantity) ELSE sum(t.quantity) END AS quantity,
           sum(t.events)::bigint AS events, NULL::numeric AS responses, NULL::numeric AS latency, NULL::numeric AS sizes
    FROM usage_total_series(:first, :last, 'hour') t WHERE t.meter_id = :meter_id GROUP BY 2, 3
    UNION ALL
    SELECT 'whole', NULL, 0, w.quantity, w.events, w.responses, w.latency, w.sizes FROM whole w
    UNION ALL
    SELECT 'value', p.value, 1, p.quantity, p.events, p.responses, p.latency, NULL FROM placed p WHERE NOT p.is_rest
    UNION ALL
    SELECT 'others', NULL, count(*)::integer, CASE WHEN :greatest THEN max(p.quantity) ELSE sum(p.quantity) END,
           sum(p.events)::bigint, sum(p.responses), sum(p.latency), NULL
    FROM placed p WHERE p.is_rest HAVING count(*) > 0
    UNION ALL
    SELECT 'not given', NULL, 0, usage_not_given(:aggregation, w.quantity, n.quantity, n.peak),
           w.events - coalesce(n.events, 0)::bigint, w.responses - coalesce(n.responses, 0),
           w.latency - coalesce(n.latency, 0), NULL
    FROM whole w, named n
    WHERE w.events > coalesce(n.events, 0) OR w.responses > coalesce(n.responses, 0)
    ORDER BY part, n, events DESC, value
""")
_ORDER: tuple[Part, ...] = ("value", "others", "not given", "whole")


def get_usage_shapes(
    session: Session, meter_id: int, aggregation: str, days: tuple[date, date], most: int = 50
) -> UsageShapes:
    """Get hours of the week, the `most` endpoints with the most events, and file sizes; both days are inclusive.

    Worked example: two calls to /scan on Monday at 09:10, the second answered 500: Monday 9: 2 events; /scan: 2 events,
    responses 10^24 + 1.
    """
    asked = {
        "meter_id": meter_id, "aggregation": aggregation, "greatest": aggregation == "max", "first": days[0],
        "last": days[1], "most": most,
    }  # fmt: skip
    rows = session.execute(_SHAPES, asked).all()
    return UsageShapes(
        hours=tuple(HourOfWeek(row.n, int(row.value), row.quantity, row.events) for row in rows if row.part == "hour"),
        endpoints=tuple(
            EndpointUse(part, row.value, row.n, row.quantity, row.events, row.responses, row.latency)
            for part in _ORDER
            for row in rows
            if row.part == part
        ),
        sizes=next(row.sizes for row in rows if row.part == "whole"),
    )
