"""One org's usage by the values of a dimension. Every event of a meter is in exactly one row of its breakdown.

Events that name no value have a row of their own, and values beyond a limit share one. A maximum and a number of
distinct values do not add up, so the quantity of such a row can be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.rollups.models import DIMENSIONS

Part = Literal["value", "others", "not given"]

_BREAKDOWN = text("""
    WITH given AS MATERIALIZED (
        SELECT b.*, m.aggregation, row_number() OVER (PARTITION BY b.meter_id ORDER BY b.quantity DESC, b.value) AS n
        FROM usage_breakdown(:org, :first, :last, :since, :until, :dimension) b
        JOIN catalog_meters m ON m.id = b.meter_id
        WHERE CAST(:meter AS integer) IS NULL OR b.meter_id = :meter
    ), named AS (
        SELECT g.meter_id, sum(g.quantity) AS quantity, max(g.quantity) AS peak, sum(g.events) AS events
        FROM given g GROUP BY g.meter_id
    )
    SELECT g.meter_id, 'value' AS part, g.value, usage_label(:org, :dimension, g.value) AS label, g.quantity, g.events,
           1 AS values
    FROM given g WHERE g.n <= :limit
    UNION ALL
    SELECT g.meter_id, 'others', '', '', CASE WHEN g.aggregation = 'max' THEN max(g.quantity)
           WHEN g.aggregation <> 'unique' THEN sum(g.quantity) END, sum(g.events)::bigint, count(*)
    FROM given g WHERE g.n > :limit GROUP BY g.meter_id, g.aggregation
    UNION ALL
    SELECT w.meter_id, 'not given', '', '', usage_not_given(m.aggregation, w.quantity, named.quantity, named.peak),
           w.events - coalesce(named.events, 0), 0
    FROM usage_breakdown(:org, :first, :last, :since, :until, '') w
    JOIN catalog_meters m ON m.id = w.meter_id LEFT JOIN named ON named.meter_id = w.meter_id
    WHERE (CAST(:meter AS integer) IS NULL OR w.meter_id = :meter) AND CAST(:dimension AS text) <> ''
      AND w.events > coalesce(named.events, 0)
    ORDER BY meter_id, part DESC, quantity DESC, value
""")
_DAYS = text("""
    WITH given AS MATERIALIZED (
        SELECT * FROM usage_series('day', :org, :first, :last, :since, :until, :dimension) s WHERE s.meter_id = :meter
    ), named AS (
        SELECT g.day, sum(g.quantity) AS quantity, max(g.quantity) AS peak, sum(g.events) AS events
        FROM given g GROUP BY g.day
    )
    SELECT g.day, 'value' AS part, usage_label(:org, :dimension, g.value) AS label, g.quantity, g.events FROM given g
    UNION ALL
    SELECT w.day, 'not given', '', usage_not_given(m.aggregation, w.quantity, named.quantity, named.peak),
           w.events - coalesce(named.events, 0)
    FROM usage_series('day', :org, :first, :last, :since, :until, '') w
    JOIN catalog_meters m ON m.id = w.meter_id LEFT JOIN named ON named.day = w.day
    WHERE w.meter_id = :meter AND CAST(:dimension AS text) <> '' AND w.events > coalesce(named.events, 0)
    ORDER BY day, part DESC, label
""")


@dataclass(frozen=True, slots=True)
class Share:
    """Usage of a meter over a range of days, for one value of a dimension; `label` is its display name.

    `part` tells rows of values from the two others: `others` stands for `values` values, `not given` for none.
    """

    meter_id: int
    part: Part
    value: str
    label: str
    quantity: Decimal | None
    events: int
    values: int


@dataclass(frozen=True, slots=True)
class DayShare:
    """Usage of a meter on a day, for one value of a dimension; for `not given`, of the events without one."""

    day: date
    part: Part
    label: str
    quantity: Decimal | None
    events: int


def list_usage_by_dimension(
    session: Session,
    org_id: UUID,
    from_day: date,
    to_day: date,
    dimension: str,
    *,
    meter_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 200,
) -> list[Share]:
    """List usage over whole days by meter and value of a dimension, largest first; '' for the totals.

    Up to `limit` values a meter, then `others` and `not given`. An erased user's label is "erased user". Worked
    example: 7 by Ada, 2 by Bob and 1 without a user, limit 1: Ada 7, others 2, not given 1.
    """
    check_dimension(dimension)
    values = {"org": org_id, "first": from_day, "last": to_day, "since": since, "until": until}
    asked = {**values, "dimension": dimension, "meter": meter_id, "limit": limit}
    rows = session.execute(_BREAKDOWN, asked).mappings()
    return [Share(**{**row, "label": label_or_erased(row["label"], dimension)}) for row in rows]


def list_daily_usage_by_dimension(
    session: Session,
    org_id: UUID,
    from_day: date,
    to_day: date,
    dimension: str,
    *,
    meter_id: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[DayShare]:
    """List a meter's usage by day and value of a dimension, with a row for the day's events without one.

    Worked example: on Monday 7 by Ada and 1 without a user: (Monday, value, Ada, 7), (Monday, not given, 1).
    """
    check_dimension(dimension)
    values = {"org": org_id, "first": from_day, "last": to_day, "since": since, "until": until}
    rows = session.execute(_DAYS, {**values, "dimension": dimension, "meter": meter_id}).mappings()
    return [DayShare(**{**row, "label": label_or_erased(row["label"], dimension)}) for row in rows]


def check_dimension(dimension: str) -> None:
    """Raise `ValueError` for a dimension that no roll-up has."""
    if dimension not in DIMENSIONS:
        raise ValueError(f"no roll-up is kept by {dimension!r}")


def label_or_erased(label: str | None, dimension: str) -> str:
    """What a value is called: its label, or "erased user" once that is gone."""
    return f"erased {dimension}" if label is None else label
