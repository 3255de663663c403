"""The orgs that used a meter most, for staff, as of the latest roll-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class TopOrg:
    """One of the top orgs by usage of a meter in a month, or over some days."""

    org_id: UUID
    name: str
    quantity: Decimal
    events: int


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


def _rows(session: Session, statement: Any, **values: Any) -> list[Any]:
    return list(session.execute(statement, values).mappings().all())
