"""Reports of all orgs' usage for staff: the folded totals plus the events above the watermark.

Days are UTC days. Unique values are counted per org and summed over orgs, as of the latest roll-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class DayTotal:
    """All orgs' usage of a meter on a day; `value` is '', a plan's key, a kind or a provider."""

    day: date
    meter_id: int
    value: str
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Total:
    """All orgs' usage of a meter over a range of days; `value` as in `DayTotal`, or None for events without one.

    `quantity` is None where it is not known: what is without a value does not add up for every meter.
    """

    meter_id: int
    value: str | None
    quantity: Decimal | None
    events: int


@dataclass(frozen=True, slots=True)
class TopOrg:
    """One of the top orgs by usage of a meter in a month, or over some days."""

    org_id: UUID
    name: str
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Active:
    """The number of orgs and of their users with any usage."""

    orgs: int
    users: int


# The value of dimension plan is a version id: the versions of a plan are summed under the plan's key.
_DAYS = text("""
    SELECT t.day, t.meter_id, coalesce(v.plan_key, t.value) AS value,
           CASE WHEN m.aggregation = 'max' THEN max(t.quantity) ELSE sum(t.quantity) END AS quantity,
           sum(t.events)::bigint AS events
    FROM usage_total_series(:first, :last, :dimension) t
    JOIN catalog_meters m ON m.id = t.meter_id
    LEFT JOIN catalog_versions v ON :dimension = 'plan' AND v.id::text = t.value
    GROUP BY t.day, t.meter_id, coalesce(v.plan_key, t.value), m.aggregation
    ORDER BY t.day, t.meter_id, value
""")
_TOTALS = text("""
    WITH given AS MATERIALIZED (
        SELECT t.meter_id, m.aggregation, coalesce(v.plan_key, t.value) AS value,
               CASE WHEN m.aggregation = 'max' THEN max(t.quantity) ELSE sum(t.quantity) END AS quantity,
               sum(t.events)::bigint AS events
        FROM usage_total_series(:first, :last, :dimension) t
        JOIN catalog_meters m ON m.id = t.meter_id
        LEFT JOIN catalog_versions v ON :dimension = 'plan' AND v.id::text = t.value
        GROUP BY t.meter_id, coalesce(v.plan_key, t.value), m.aggregation
    ), named AS (
        SELECT g.meter_id, sum(g.quantity) AS quantity, max(g.quantity) AS peak, sum(g.events) AS events
        FROM given g GROUP BY g.meter_id
    ), whole AS (
        SELECT t.meter_id, m.aggregation,
               CASE WHEN m.aggregation = 'max' THEN max(t.quantity) ELSE sum(t.quantity) END AS quantity,
               sum(t.events)::bigint AS events
        FROM usage_total_series(:first, :last, '') t JOIN catalog_meters m ON m.id = t.meter_id
        WHERE :dimension <> '' GROUP BY t.meter_id, m.aggregation
    )
    SELECT g.meter_id, g.value, g.quantity, g.events FROM given g
    UNION ALL
    SELECT w.meter_id, NULL, usage_not_given(w.aggregation, w.quantity, n.quantity, n.peak),
           (w.events - coalesce(n.events, 0))::bigint
    FROM whole w LEFT JOIN named n ON n.meter_id = w.meter_id WHERE w.events > coalesce(n.events, 0)
    ORDER BY meter_id, quantity DESC NULLS LAST, value
""")
# ix_usage_months_month_meter_id
_TOP = text("""
    SELECT u.org_id, o.name, u.quantity, u.events
    FROM (SELECT org_id, quantity, events FROM usage_months
          WHERE month = :month AND meter_id = :meter AND dimension = '' AND events > 0
          ORDER BY quantity DESC, org_id LIMIT :limit) u
    JOIN accounts_orgs o ON o.id = u.org_id
    ORDER BY u.quantity DESC, u.org_id
""")
# ix_usage_days_day_meter_id
_TOP_OF_DAYS = text("""
    SELECT u.org_id, o.name, u.quantity, u.events
    FROM (SELECT d.org_id, CASE WHEN m.aggregation = 'max' THEN max(d.quantity) ELSE sum(d.quantity) END AS quantity,
                 sum(d.events)::bigint AS events
          FROM usage_days d JOIN catalog_meters m ON m.id = d.meter_id
          WHERE d.day BETWEEN :first AND :last AND d.meter_id = :meter AND d.dimension = '' AND d.events > 0
          GROUP BY d.org_id, m.aggregation
          ORDER BY quantity DESC, d.org_id LIMIT :limit) u
    JOIN accounts_orgs o ON o.id = u.org_id
    ORDER BY u.quantity DESC, u.org_id
""")
# Orgs by ix_usage_months_month_meter_id, their users by the primary key.
_ACTIVE = text("""
    SELECT (SELECT count(DISTINCT u.org_id) FROM usage_months u
            WHERE u.month BETWEEN :first AND :last AND u.dimension = '' AND u.events > 0) AS orgs,
           (SELECT count(DISTINCT (u.org_id, u.value)) FROM usage_months u
            WHERE u.month BETWEEN :first AND :last AND u.dimension = 'user' AND u.events > 0) AS users
""")
_AS_OF = text("SELECT folded_at FROM rollup_watermark(NULL)")


def list_daily_totals(session: Session, from_day: date, to_day: date, dimension: str = "") -> list[DayTotal]:
    """List totals by day and meter, both days inclusive. `dimension` is '', plan (by plan key), kind or provider."""
    rows = _rows(session, _DAYS, first=from_day, last=to_day, dimension=dimension)
    return [DayTotal(**row) for row in rows]


def list_totals(session: Session, from_day: date, to_day: date, dimension: str = "") -> list[Total]:
    """List totals over the days by meter, largest first, with a row for events that name no value."""
    rows = _rows(session, _TOTALS, first=from_day, last=to_day, dimension=dimension)
    return [Total(**row) for row in rows]


def list_top_orgs(session: Session, month: date, meter_id: int, limit: int = 10) -> list[TopOrg]:
    """List the top orgs by usage of a meter in a calendar month (in each org's time zone), as of the latest roll-up."""
    rows = _rows(session, _TOP, month=month.replace(day=1), meter=meter_id, limit=limit)
    return [TopOrg(**row) for row in rows]


def list_top_orgs_of_days(
    session: Session, from_day: date, to_day: date, meter_id: int, limit: int = 10
) -> list[TopOrg]:
    """List the top orgs by usage of a meter over days, both inclusive, in each org's zone, as of the latest roll-up."""
    rows = _rows(session, _TOP_OF_DAYS, first=from_day, last=to_day, meter=meter_id, limit=limit)
    return [TopOrg(**row) for row in rows]


def count_active(session: Session, from_month: date, to_month: date) -> Active:
    """Count orgs and users with any usage in the months, both inclusive, as of the latest roll-up."""
    first, last = from_month.replace(day=1), to_month.replace(day=1)
    return Active(**_rows(session, _ACTIVE, first=first, last=last)[0])


def find_folded_at(session: Session) -> datetime | None:
    """Find when the totals were last rolled up, by the business clock; None if never."""
    stamp: datetime | None = session.execute(_AS_OF).scalar_one()
    return stamp


def _rows(session: Session, statement: Any, **values: Any) -> list[Any]:
    return list(session.execute(statement, values).mappings().all())
