"""Reports of all orgs' usage for staff: the folded totals plus the events above the watermark.

Days are UTC days. Unique values are counted per org and summed over orgs, as of the last fold.
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
    """All orgs' usage of a meter over a range of days; `value` as in `DayTotal`."""

    meter_id: int
    value: str
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class TopOrg:
    """One of the top orgs by usage of a meter in a month."""

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
    LEFT JOIN catalog_versions v ON :dimension = 'plan' AND v.id = CAST(t.value AS uuid)
    GROUP BY t.day, t.meter_id, coalesce(v.plan_key, t.value), m.aggregation
    ORDER BY t.day, t.meter_id, value
""")
_TOTALS = text("""
    SELECT t.meter_id, coalesce(v.plan_key, t.value) AS value,
           CASE WHEN m.aggregation = 'max' THEN max(t.quantity) ELSE sum(t.quantity) END AS quantity,
           sum(t.events)::bigint AS events
    FROM usage_total_series(:first, :last, :dimension) t
    JOIN catalog_meters m ON m.id = t.meter_id
    LEFT JOIN catalog_versions v ON :dimension = 'plan' AND v.id = CAST(t.value AS uuid)
    GROUP BY t.meter_id, coalesce(v.plan_key, t.value), m.aggregation
    ORDER BY t.meter_id, quantity DESC, value
""")
# ix_usage_months_month_meter_id
_TOP = text("""
    SELECT u.org_id, o.name, u.quantity, u.events
    FROM (SELECT org_id, quantity, events FROM usage_months
          WHERE month = :month AND meter_id = :meter AND dimension = ''
          ORDER BY quantity DESC, org_id LIMIT :limit) u
    JOIN accounts_orgs o ON o.id = u.org_id
    ORDER BY u.quantity DESC, u.org_id
""")
# Orgs by ix_usage_months_month_meter_id, their users by the primary key.
_ACTIVE = text("""
    SELECT (SELECT count(DISTINCT u.org_id) FROM usage_months u
            WHERE u.month BETWEEN :first AND :last AND u.dimension = '') AS orgs,
           (SELECT count(DISTINCT (u.org_id, u.value)) FROM usage_months u
            WHERE u.month BETWEEN :first AND :last AND u.dimension = 'user') AS users
""")
_AS_OF = text("SELECT folded_at FROM rollup_watermark(NULL)")


def list_daily_totals(session: Session, from_day: date, to_day: date, dimension: str = "") -> list[DayTotal]:
    """List totals by day and meter, both days inclusive. `dimension` is '', plan (by plan key), kind or provider."""
    rows = _rows(session, _DAYS, first=from_day, last=to_day, dimension=dimension)
    return [DayTotal(**row) for row in rows]


def list_totals(session: Session, from_day: date, to_day: date, dimension: str = "") -> list[Total]:
    """List totals over the days by meter, largest first."""
    rows = _rows(session, _TOTALS, first=from_day, last=to_day, dimension=dimension)
    return [Total(**row) for row in rows]


def list_top_orgs(session: Session, month: date, meter_id: int, limit: int = 10) -> list[TopOrg]:
    """List the top orgs by usage of a meter in a calendar month (in each org's time zone), as of the last fold."""
    rows = _rows(session, _TOP, month=month.replace(day=1), meter=meter_id, limit=limit)
    return [TopOrg(**row) for row in rows]


def count_active(session: Session, from_month: date, to_month: date) -> Active:
    """Count orgs and users with any usage in the months, both inclusive, as of the last fold."""
    first, last = from_month.replace(day=1), to_month.replace(day=1)
    return Active(**_rows(session, _ACTIVE, first=first, last=last)[0])


def find_folded_at(session: Session) -> datetime | None:
    """Find when the totals were last folded, by the business clock; None if never."""
    stamp: datetime | None = session.execute(_AS_OF).scalar_one()
    return stamp


def _rows(session: Session, statement: Any, **values: Any) -> list[Any]:
    return list(session.execute(statement, values).mappings().all())
