"""Reads of one org's usage.

Counters are exact at every commit. Days and months are roll-ups plus the events above their watermark, so pages for the
open period agree with the counters.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from app.metering.breakdowns import check_dimension

MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class UsageFigure:
    """Usage of a meter on a day or in a month, for one `value` of the dimension ('' for the total)."""

    day: date
    meter_id: int
    value: str
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class BusiestDay:
    """The day on which most was used of a meter, by key; `last_quantity` is that of the last day asked for."""

    meter: str
    day: date
    quantity: Decimal
    last_quantity: Decimal


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A meter over all periods: the sum, the maximum (`max`) or the number of distinct values (`unique`)."""

    meter_id: int
    used: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A usage event as shown in lists."""

    event_id: str
    meter: str
    meter_name: str
    unit: str
    quantity: Decimal
    occurred_at: datetime
    recorded_at: datetime
    kind: str | None
    provider: str | None
    endpoint: str | None
    user: str | None
    client: str | None
    billable: bool
    billing_reason: str | None
    source: str


_SERIES = text("""
    SELECT day, meter_id, value, quantity, events
    FROM usage_series(:bucket, :org, :first, :last, :since, :until, :dimension)
    WHERE CAST(:meter AS integer) IS NULL OR meter_id = :meter
    ORDER BY day, meter_id, value
""")
# Of each meter the day with the most use, and the use on the last day.
_BUSIEST = text("""
    SELECT DISTINCT ON (s.meter_id) m.key AS meter, s.day, s.quantity,
           coalesce(sum(s.quantity) FILTER (WHERE s.day = :last) OVER (PARTITION BY s.meter_id), 0) AS last_quantity
    FROM usage_series('day', :org, :first, :last, NULL, NULL, '') s JOIN catalog_meters m ON m.id = s.meter_id
    ORDER BY s.meter_id, s.quantity DESC, s.day DESC
""")
_LIFETIME = text("""
    SELECT c.meter_id, sum(c.events)::bigint AS events,
           CASE m.aggregation
               WHEN 'max' THEN max(c.used)
               WHEN 'unique' THEN (SELECT count(DISTINCT u.value_hash) FROM usage_uniques u
                                   WHERE u.org_id = :org AND u.meter_id = c.meter_id)::numeric
               ELSE sum(c.used) END AS used
    FROM usage_counters c JOIN catalog_meters m ON m.id = c.meter_id
    WHERE c.org_id = :org
    GROUP BY c.meter_id, m.aggregation
    ORDER BY c.meter_id
""")
# Reads ix_usage_events_org_id_occurred_at backwards through the partitions until the limit is reached.
_LATEST = text("""
    SELECT e.event_id, m.key AS meter, m.name AS meter_name, m.unit, e.quantity, e.occurred_at, e.recorded_at,
           e.kind, e.provider, e.endpoint, s.label AS "user", c.ref AS client, e.billable, e.billing_reason, e.source
    FROM (SELECT * FROM usage_events WHERE org_id = :org AND (CAST(:subject AS uuid) IS NULL OR subject_id = :subject)
          ORDER BY occurred_at DESC LIMIT :limit) e
    JOIN catalog_meters m ON m.id = e.meter_id
    LEFT JOIN subjects s ON s.org_id = :org AND s.id = e.subject_id
    LEFT JOIN accounts_clients c ON c.org_id = :org AND c.id = e.client_id
    ORDER BY e.occurred_at DESC, e.seq DESC
""")


def list_daily_usage(
    session: Session,
    org_id: UUID,
    from_day: date,
    to_day: date,
    *,
    meter_id: int | None = None,
    dimension: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[UsageFigure]:
    """List usage by day in the org's time zone, both days inclusive, optionally only between `since` and `until`.

    `dimension` is one of DIMENSIONS. Days without usage have no row.
    """
    check_dimension(dimension)
    values = {"org": org_id, "first": from_day, "last": to_day, "since": since, "until": until}
    rows = _rows(session, _SERIES, bucket="day", meter=meter_id, dimension=dimension, **values)
    return [UsageFigure(**row) for row in rows]


def list_monthly_usage(
    session: Session,
    org_id: UUID,
    from_month: date,
    to_month: date,
    *,
    meter_id: int | None = None,
    dimension: str = "",
) -> list[UsageFigure]:
    """List usage by calendar month in the org's time zone, both inclusive, keyed by the month's first day."""
    check_dimension(dimension)
    values = {"org": org_id, "first": from_month, "last": to_month, "since": None, "until": None}
    rows = _rows(session, _SERIES, bucket="month", meter=meter_id, dimension=dimension, **values)
    return [UsageFigure(**row) for row in rows]


def list_busiest_days(session: Session, org_id: UUID, from_day: date, to_day: date) -> list[BusiestDay]:
    """List each meter's busiest day in the org's time zone, both days inclusive; the latest of several."""
    return [BusiestDay(**row) for row in _rows(session, _BUSIEST, org=org_id, first=from_day, last=to_day)]


def list_lifetime_usage(session: Session, org_id: UUID) -> list[Lifetime]:
    """List every meter ever used, over all periods."""
    return [Lifetime(**row) for row in _rows(session, _LIFETIME, org=org_id)]


def list_latest_events(
    session: Session, org_id: UUID, limit: int = 10, *, subject_id: UUID | None = None
) -> list[RecordedEvent]:
    """List the most recent events, newest first; `subject_id`: of one user."""
    asked = {"org": org_id, "limit": min(limit, MAX_LIMIT), "subject": subject_id}
    return [RecordedEvent(**row) for row in _rows(session, _LATEST, **asked)]


def _rows(session: Session, statement: Any, **values: Any) -> Collection[RowMapping]:
    return session.execute(statement, values).mappings().all()
