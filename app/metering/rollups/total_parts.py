"""All orgs' usage for staff, by day, week or month and by plan, kind or provider, beside the days before.

UTC days; with the events of the last seconds. Every event of a meter is in exactly one part of its span: one of the
largest values, the others, or those that name none. So parts sum to the whole where the meter adds up. Unique values
are counted per org and day, summed, as of the latest roll-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

Span = Literal["day", "week", "month"]
Part = Literal["whole", "value", "others", "not given"]
Dimension = Literal["", "plan", "kind", "provider"]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TotalsQuestion:
    """Days, both inclusive; of all meters or of one, of all plans or of one (`plan` is its key).

    Of one plan the parts are its versions, whatever `dimension` is: roll-ups have one at a time (decision 68).
    """

    first: date
    last: date
    dimension: Dimension = ""
    meter_id: int | None = None
    plan: str | None = None
    most: int = 200

    @property
    def dimensions(self) -> list[str]:
        """Which of the totals are read."""
        return ["plan"] if self.plan else ["", self.dimension] if self.dimension else [""]

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> tuple[date, date]:
        """As many days, right before; fewer where the calendar begins."""
        end = self.first - DAY if self.first > date.min else self.first
        return date.fromordinal(max(1, self.first.toordinal() - self.days)), end


@dataclass(frozen=True, slots=True)
class UsagePart:
    """Usage of a meter in a span of the days, or over all of them (`starts_on` None); `before`: of the days before.

    A span of the days before begins where the one that it is compared with does. `value` is a plan's key, a version's
    id, a kind or a provider; `label` its name; both None of other parts. `quantity` is None where it is not known:
    maxima and distinct values do not add up. `values` is how many there are in the part.
    """

    before: bool
    starts_on: date | None
    meter_id: int
    meter: str
    meter_name: str
    part: Part
    value: str | None
    label: str | None
    quantity: Decimal | None
    events: int
    values: int


# A value of dimension plan is a version's id: versions are summed under their plan, or stand alone within one.
_PARTS = text("""
    WITH series AS MATERIALIZED (
        SELECT d.dimension, t.day < :first AS before,
               date_trunc(:span, (t.day + CASE WHEN t.day < :first THEN :days ELSE 0 END)::timestamp)::date
                   AS starts_on,
               t.meter_id, m.aggregation = 'max' AS is_peak, t.value, t.quantity, t.events
        FROM unnest(CAST(:dimensions AS text[])) d (dimension)
        CROSS JOIN LATERAL usage_total_series(:before, :last, d.dimension) t
        JOIN catalog_meters m ON m.id = t.meter_id AND m.id = coalesce(CAST(:meter_id AS integer), m.id)
    ), given AS MATERIALIZED (
        SELECT s.before, s.starts_on, s.meter_id, s.is_peak, s.quantity, s.events,
               CASE WHEN v.id IS NULL OR v.plan_key = :plan THEN s.value ELSE v.plan_key END AS value,
               CASE WHEN v.plan_key = :plan THEN v.plan_name || ', version ' || v.number
                    ELSE coalesce(v.plan_name, s.value) END AS label
        FROM series s LEFT JOIN catalog_versions v ON s.dimension = 'plan' AND v.id::text = s.value
        WHERE s.dimension <> '' AND (CAST(:plan AS text) IS NULL OR v.plan_key = :plan)
    ), placed AS (
        SELECT r.meter_id, r.value, :most >= row_number() OVER (
                   PARTITION BY r.meter_id ORDER BY r.quantity DESC NULLS LAST, r.events DESC NULLS LAST, r.value)
                   AS is_named
        FROM (SELECT g.meter_id, g.value,
                     CASE WHEN g.is_peak THEN max(g.quantity) FILTER (WHERE NOT g.before)
                          ELSE sum(g.quantity) FILTER (WHERE NOT g.before) END AS quantity,
                     sum(g.events) FILTER (WHERE NOT g.before) AS events
              FROM given g GROUP BY g.meter_id, g.value, g.is_peak) r
    ), parts AS (
        SELECT g.before, g.starts_on, g.meter_id, g.named, max(g.label) AS label, count(DISTINCT g.value) AS values,
               CASE WHEN g.is_peak THEN max(g.quantity) ELSE sum(g.quantity) END AS quantity, sum(g.events) AS events
        FROM (SELECT g.*, CASE WHEN p.is_named THEN g.value END AS named
              FROM given g JOIN placed p ON p.meter_id = g.meter_id AND p.value = g.value) g
        GROUP BY GROUPING SETS ((g.before, g.starts_on, g.meter_id, g.is_peak, g.named),
                                (g.before, g.meter_id, g.is_peak, g.named))
    ), named AS (
        SELECT p.before, p.starts_on, p.meter_id, sum(p.quantity) AS quantity, max(p.quantity) AS peak,
               sum(p.events) AS events
        FROM parts p GROUP BY 1, 2, 3
    ), whole AS (
        SELECT c.before, c.starts_on, c.meter_id,
               CASE WHEN c.is_peak THEN max(c.quantity) ELSE sum(c.quantity) END AS quantity, sum(c.events) AS events
        FROM (SELECT s.before, s.starts_on, s.meter_id, s.is_peak, s.quantity, s.events FROM series s
              WHERE s.dimension = ''
              UNION ALL
              SELECT g.before, g.starts_on, g.meter_id, g.is_peak, g.quantity, g.events FROM given g
              WHERE CAST(:plan AS text) IS NOT NULL) c
        GROUP BY GROUPING SETS ((c.before, c.starts_on, c.meter_id, c.is_peak), (c.before, c.meter_id, c.is_peak))
    )
    SELECT x.*, m.key AS meter, m.name AS meter_name
    FROM (
        SELECT p.before, p.starts_on, p.meter_id, CASE WHEN p.named IS NULL THEN 'others' ELSE 'value' END AS part,
               p.named AS value, CASE WHEN p.named IS NOT NULL THEN p.label END AS label, p.quantity,
               p.events::bigint, p.values
        FROM parts p
        UNION ALL
        SELECT w.before, w.starts_on, w.meter_id, 'not given', NULL, NULL,
               usage_not_given(m.aggregation, w.quantity, n.quantity, n.peak),
               (w.events - coalesce(n.events, 0))::bigint, 0
        FROM whole w JOIN catalog_meters m ON m.id = w.meter_id
        LEFT JOIN named n
               ON (n.before, n.meter_id) = (w.before, w.meter_id) AND n.starts_on IS NOT DISTINCT FROM w.starts_on
        WHERE cardinality(CAST(:dimensions AS text[])) > 1 AND w.events > coalesce(n.events, 0)
        UNION ALL
        SELECT w.before, w.starts_on, w.meter_id, 'whole', NULL, NULL, w.quantity, w.events::bigint, 0 FROM whole w) x
    JOIN catalog_meters m ON m.id = x.meter_id
    ORDER BY x.before, x.starts_on NULLS FIRST, m.key, x.part DESC, x.quantity DESC NULLS LAST, x.events DESC, x.value
""")


def list_usage_parts(session: Session, asked: TotalsQuestion, span: Span = "day") -> Sequence[UsagePart]:
    """List parts and wholes, of the days and then of the days before, each first over all of them and then by span.

    Weeks begin on Monday; the first and last span are cut to the days. The `most` largest values are named.

    Worked example: on Monday 7 calls of kind scan and 1 of none: whole 8, value scan 7, not given 1, over all and for
    Monday.
    """
    rows = session.execute(
        _PARTS,
        {
            "first": asked.first, "last": asked.last, "before": asked.before[0], "days": asked.days, "span": span,
            "dimensions": asked.dimensions, "meter_id": asked.meter_id, "plan": asked.plan, "most": asked.most,
        },
    )  # fmt: skip
    return [UsagePart(**row) for row in rows.mappings()]
