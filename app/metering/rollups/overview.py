"""What else one org's use of a meter tells: hours by weekday, endpoints, file sizes, and who used what; one statement.

Endpoints, users and the rest of each sum to the whole. Hours are the org's local ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.catalog.models import ADDITIVE

MOST_ROWS = 20

# Users and the total are of all meters that add up.
_OVERVIEW = text("""
    WITH meter AS MATERIALIZED (SELECT id, aggregation FROM catalog_meters WHERE id = :meter),
    hours AS (
        SELECT s.day, s.value, s.quantity, s.events
        FROM usage_series('day', :org, :first, :last, :since, :until, 'hour') s WHERE s.meter_id = :meter
    ), asked AS MATERIALIZED (
        SELECT * FROM usage_over_time(:bucket, :org, :first, :last, NULL, NULL, ARRAY['', 'endpoint', 'user'], true)
    ), counted AS MATERIALIZED (
        SELECT a.dimension, a.meter_id, a.value, a.quantity, a.events FROM asked a
        WHERE num_nonnulls(CAST(:since AS timestamptz), CAST(:until AS timestamptz)) = 0 AND a.events > 0
        UNION ALL
        SELECT c.dimension, c.meter_id, c.value, c.quantity, c.events
        FROM usage_over_time(:bucket, :org, :first, :last, :since, :until, ARRAY['', 'user'], false) c
        WHERE num_nonnulls(CAST(:since AS timestamptz), CAST(:until AS timestamptz)) > 0
    ), answers AS MATERIALIZED (
        SELECT a.value, CASE m.aggregation WHEN 'max' THEN max(a.quantity) WHEN 'unique' THEN NULL
                                           ELSE sum(a.quantity) END AS quantity,
               sum(a.events) AS events, sum(a.responses) AS responses, sum(a.latency) AS latency,
               row_number() OVER (ORDER BY sum(a.events) DESC, a.value) AS n
        FROM asked a JOIN meter m ON m.id = a.meter_id WHERE a.dimension = 'endpoint'
        GROUP BY a.value, m.aggregation
    ), measured AS MATERIALIZED (
        SELECT sum(a.quantity) AS quantity, sum(a.events) AS events, sum(a.responses) AS responses,
               sum(a.latency) AS latency, sum(a.sizes) AS sizes
        FROM asked a WHERE a.meter_id = :meter AND a.dimension = ''
    ), people AS MATERIALIZED (
        SELECT s.meter_id, s.value, sum(s.quantity) AS quantity, sum(s.events) AS events
        FROM counted s JOIN catalog_meters m ON m.id = s.meter_id AND m.aggregation = ANY (:additive)
        WHERE s.dimension = 'user'
        GROUP BY s.meter_id, s.value
    ), ranked AS MATERIALIZED (
        SELECT u.value, row_number() OVER (ORDER BY sum(u.events) DESC, u.value) AS n, count(*) OVER () AS people
        FROM people u GROUP BY u.value
    )
    SELECT 'dimension' AS part, d.name AS value, NULL AS label, 0 AS n, NULL::integer AS meter_id,
           NULL::numeric AS quantity, NULL::numeric AS events, NULL::numeric AS responses, NULL::numeric AS latency,
           NULL::numeric AS sizes
    FROM usage_named_dimensions(:org, :meter, :first, :last) d (name)
    UNION ALL
    SELECT 'filter', f.name, usage_label(:org, f.name, f.value), 0, NULL, NULL, NULL, NULL, NULL, NULL
    FROM unnest(CAST(:filters AS text[]), CAST(:picked AS text[])) f (name, value) WHERE f.value IS NOT NULL
    UNION ALL
    SELECT 'total', '', NULL, 0, b.meter_id, b.quantity, b.events, NULL, NULL, NULL
    FROM meter m, LATERAL usage_breakdown(:org, :first, :last, :since, :until, :within) b
    WHERE m.aggregation IN ('max', 'unique') AND b.meter_id = m.id AND b.value = :of
    UNION ALL
    SELECT 'hour', h.value, NULL, extract(isodow FROM h.day)::integer, NULL,
           CASE m.aggregation WHEN 'max' THEN max(h.quantity) ELSE sum(h.quantity) END, sum(h.events), NULL, NULL, NULL
    FROM hours h, meter m WHERE :whole GROUP BY h.value, 4, m.aggregation
    UNION ALL
    SELECT 'endpoint', CASE WHEN a.n <= :most THEN a.value END, NULL, count(*)::integer, NULL,
           CASE WHEN m.aggregation = ANY (:additive) OR count(*) = 1 THEN sum(a.quantity) END, sum(a.events),
           sum(a.responses), sum(a.latency), NULL
    FROM answers a, meter m WHERE :whole GROUP BY 2, m.aggregation, least(a.n, :most + 1)
    UNION ALL
    SELECT 'measured', '', NULL, 0, NULL, w.quantity, w.events, w.responses, w.latency, w.sizes
    FROM measured w WHERE :whole
    UNION ALL
    SELECT 'user', CASE WHEN r.n <= :most THEN r.value END,
           CASE WHEN r.n <= :most THEN usage_label(:org, 'user', r.value) END,
           (max(r.people) - :most)::integer, u.meter_id, sum(u.quantity), sum(u.events), NULL, NULL, NULL
    FROM ranked r JOIN people u ON u.value = r.value WHERE :whole
    GROUP BY least(r.n, :most + 1), 2, 3, u.meter_id
    UNION ALL
    SELECT 'used', '', NULL, 0, s.meter_id, sum(s.quantity), sum(s.events), NULL, NULL, NULL
    FROM counted s JOIN catalog_meters m ON m.id = s.meter_id AND m.aggregation = ANY (:additive)
    WHERE :whole AND s.dimension = '' GROUP BY s.meter_id
    ORDER BY part, events DESC, value
""")

OverviewPart = Literal["dimension", "filter", "total", "hour", "endpoint", "measured", "user", "used"]


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """A row of one part; `value` None stands for `n` values together.

    - `dimension`: one of which events name values, in `value`.
    - `filter`: what the filter's value is called, in `label`.
    - `total`: the figure of a meter that does not add up.
    - `hour`: of weekday `n` (1 is Monday) and hour `value`.
    - `endpoint`: how it answered; `measured`: how all events did, and their files.
    - `user`: what they used of a meter; `used`: what all used of it.
    """

    part: OverviewPart
    value: str | None
    label: str | None
    n: int
    meter_id: int | None
    quantity: Decimal | None
    events: Decimal | None
    responses: Decimal | None
    latency: Decimal | None
    sizes: Decimal | None


def list_overview(
    session: Session,
    org_id: UUID,
    meter_id: int,
    days: tuple[date, date],
    *,
    bucket: Literal["day", "month"] = "day",
    filters: Mapping[str, str | None] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[OverviewRow]:
    """List the parts over days of the org's zone, both inclusive; with `filters` only the first three.

    `bucket` month reads fewer rows where the days are whole months. `since` and `until` cut into the days, but not of
    response times and file sizes.
    """
    filters = filters or {}
    within, of = next(iter(filters.items()), ("", ""))
    asked: dict[str, Any] = {
        "org": org_id, "meter": meter_id, "first": days[0], "last": days[1], "bucket": bucket, "since": since,
        "until": until, "most": MOST_ROWS, "filters": list(filters), "picked": list(filters.values()),
        "within": within, "of": of or "", "whole": not filters, "additive": sorted(ADDITIVE),
    }  # fmt: skip
    return [OverviewRow(**row) for row in session.execute(_OVERVIEW, asked).mappings()]
