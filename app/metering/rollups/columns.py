"""One org's use of a meter over time by some values of a dimension, with the days before, in one statement.

What the values, all others and the events that name none come to is the whole, where the meter adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.breakdowns import check_dimension

ColumnOf = Literal["value", "others", "whole"]

_COLUMNS = text("""
    WITH spans (earlier, bucket, first, last, since, until) AS (
        SELECT false, :bucket, CAST(:first AS date), CAST(:last AS date), CAST(:since AS timestamptz),
               CAST(:until AS timestamptz)
        UNION ALL
        SELECT true, 'day', CAST(:earlier AS date), CAST(:first AS date) - 1, NULL, NULL
    ), given AS MATERIALIZED (
        SELECT p.earlier, s.dimension, s.day, s.value, s.quantity, s.events
        FROM spans p, LATERAL usage_over_time(
            p.bucket, :org, p.first, p.last, p.since, p.until,
            CASE WHEN p.earlier AND NOT :compared THEN ARRAY[''] ELSE ARRAY['', CAST(:dimension AS text)] END, false) s
        WHERE s.meter_id = :meter
    )
    SELECT g.earlier, 'value' AS part, g.day, g.value, g.quantity, g.events FROM given g
    WHERE g.dimension <> '' AND g.value = ANY (:values)
    UNION ALL
    SELECT g.earlier, 'others', g.day, '', sum(g.quantity), sum(g.events)::bigint FROM given g
    WHERE g.dimension <> '' AND g.value <> ALL (:values) GROUP BY g.earlier, g.day
    UNION ALL
    SELECT g.earlier, 'whole', g.day, '', g.quantity, g.events FROM given g WHERE g.dimension = ''
    ORDER BY earlier, day, part, value
""")


@dataclass(frozen=True, slots=True)
class ColumnFigure:
    """Use on a day or in a month of a value, of all other values, or of all events; `earlier`: on the days before."""

    earlier: bool
    part: ColumnOf
    day: date
    value: str
    quantity: Decimal
    events: int


def list_columns(
    session: Session,
    org_id: UUID,
    meter_id: int,
    days: tuple[date, date, date],
    *,
    bucket: Literal["day", "month"] = "day",
    dimension: str = "",
    values: Sequence[str] = (),
    compared: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[ColumnFigure]:
    """List use by day or month of these values and all others of a dimension, and of all events; oldest first.

    `days` are the earliest, the first and the last; those before the first are `earlier`, whole and by day, of all
    events only unless `compared`. `since` and `until` cut into the others.

    Worked example: on Monday 7 scans and 2 without a kind, values ["scan"]: (value, scan, 7), (whole, 9).
    """
    check_dimension(dimension)
    asked = {
        "org": org_id, "meter": meter_id, "bucket": bucket, "earlier": days[0], "first": days[1], "last": days[2],
        "since": since, "until": until, "dimension": dimension, "values": list(values), "compared": compared,
    }  # fmt: skip
    return [ColumnFigure(**row) for row in session.execute(_COLUMNS, asked).mappings()]
