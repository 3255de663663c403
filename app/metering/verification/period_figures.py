"""Counts a usage period's events again, for the proof of a figure: their sums, what is left out, and the roll-ups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, Integer, Numeric, Text, TextualSelect, text
from sqlalchemy.orm import Session

from app.kit.money import ZERO
from app.kit.periods import Period
from app.kit.postgres.together import ask, fill

_ALL = 2**63 - 1
# The events of a period, by meter, as far as transactions below a mark recorded them.
_COUNTED = text("""
SELECT meter_id, used - unbilled AS billable, unbilled AS imported, events
FROM usage_marked_figures(org => :org, since => :since, until => :until, below => :below)
""")
# What is kept of a period and not part of the quantity, or takes away from it. Refusals are kept for 30 days.
_LEFT_OUT = text("""
SELECT meter_id, CASE e.source WHEN 'void' THEN 'voided' WHEN 'import' THEN 'imported'
                 ELSE coalesce(e.billing_reason, 'not_billed') END AS reason,
       count(*) AS events, sum(abs(e.quantity)) AS quantity
FROM usage_events e
WHERE e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until AND (e.source = 'void' OR NOT e.billable)
GROUP BY 1, 2
UNION ALL
SELECT meter_id, 'refused', sum(r.count)::bigint, sum(r.quantity) FROM refused_quota r
WHERE r.org_id = :org AND r.hour >= :since AND r.hour < :until GROUP BY 1
ORDER BY 1, 2
""")
# The daily totals of the days that a period touches, against the events below the watermark; no row while they are
# rebuilt.
_ROLLUPS = text("""
WITH mark AS (SELECT s.upto, s.floor_seq FROM rollup_state s
              WHERE s.name = 'orgs' AND s.cluster = database_cluster()
                AND NOT EXISTS (SELECT FROM rollup_orgs r WHERE r.org_id = :org AND r.stale)),
zone AS (SELECT coalesce(r.time_zone, o.time_zone) AS name
         FROM accounts_orgs o LEFT JOIN rollup_orgs r ON r.org_id = o.id WHERE o.id = :org),
span AS (SELECT (CAST(:since AS timestamptz) AT TIME ZONE zone.name)::date AS first,
                ((CAST(:until AS timestamptz) - interval '1 microsecond') AT TIME ZONE zone.name)::date AS last
         FROM zone)
SELECT day.meter_id, count(*) AS days, count(*) FILTER (WHERE day.differs) AS differing,
       min(day.day) FILTER (WHERE day.differs) AS first
FROM mark CROSS JOIN span CROSS JOIN zone
CROSS JOIN LATERAL (
    SELECT day, meter_id, (coalesce(d.quantity, 0), coalesce(d.events, 0))
                          <> (coalesce(f.quantity, 0), coalesce(f.events, 0)) AS differs
    FROM (SELECT day, meter_id, quantity, events FROM usage_days
          WHERE org_id = :org AND dimension = '' AND day BETWEEN span.first AND span.last) d
    FULL JOIN (SELECT day, meter_id, quantity, events
               FROM usage_figures('day', ARRAY[CAST(:org AS uuid)], NULL, span.first::timestamp AT TIME ZONE zone.name,
                                  (span.last + 1)::timestamp AT TIME ZONE zone.name, mark.upto, mark.floor_seq)
               WHERE dimension = '') f USING (day, meter_id)
) day
GROUP BY 1
""")
_EVENTS = text("""
SELECT coalesce(sum(events), 0)::bigint AS number FROM usage_counters WHERE org_id = :org AND period_start = :since
""")
CLUSTER = text("SELECT database_cluster()::text AS cluster").columns(cluster=Text)


@dataclass(frozen=True, slots=True)
class CountedUsage:
    """What events of a meter come to; `events` are all that count, imported ones and voids too."""

    billable: Decimal = ZERO
    imported: Decimal = ZERO
    events: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Events that add nothing to a quantity, or take from it. `reason`: `voided`, `imported`, `refused`, or another."""

    meter_id: int
    reason: str
    events: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class DailyTotals:
    """How many days the roll-ups have of a meter in a period; how many differ from the events, and which is first."""

    meter_id: int
    days: int
    differing: int
    first: date | None


def count_events(session: Session, org_id: UUID, period: Period, below: int | None = None) -> dict[int, CountedUsage]:
    """Count a period's events by meter; `below`: only those of transactions below a mark."""
    rows = ask(session, select_counted(org_id, period, below))
    return {row.meter_id: CountedUsage(row.billable, row.imported, row.events) for row in rows}


def select_counted(org_id: UUID, period: Period, below: int | None = None) -> TextualSelect:
    """Select what `count_events` counts."""
    below = _ALL if below is None else below
    return fill(_COUNTED, **_span(org_id, period), below=below).columns(
        meter_id=Integer, billable=Numeric, imported=Numeric, events=BigInteger
    )


def list_left_out(session: Session, org_id: UUID, period: Period) -> list[LeftOut]:
    """List what was voided, imported or refused in a period, by meter and reason."""
    return [LeftOut(*row) for row in ask(session, select_left_out(org_id, period))]


def select_left_out(org_id: UUID, period: Period) -> TextualSelect:
    """Select what `list_left_out` lists."""
    return fill(_LEFT_OUT, **_span(org_id, period)).columns(
        meter_id=Integer, reason=Text, events=BigInteger, quantity=Numeric
    )


def compare_daily_totals(session: Session, org_id: UUID, period: Period) -> dict[int, DailyTotals]:
    """Compare the roll-ups of a period's days with the events, by meter; empty while the roll-ups are rebuilt."""
    return {row.meter_id: DailyTotals(*row) for row in ask(session, select_daily_totals(org_id, period))}


def select_daily_totals(org_id: UUID, period: Period) -> TextualSelect:
    """Select what `compare_daily_totals` compares."""
    return fill(_ROLLUPS, **_span(org_id, period)).columns(
        meter_id=Integer, days=BigInteger, differing=BigInteger, first=Date
    )


def find_event_number(session: Session, org_id: UUID, period_start: datetime) -> int:
    """Find how many events the counters of a period have: what it takes to count them again."""
    [(number,)] = ask(session, select_event_number(org_id, period_start))
    return int(number)


def select_event_number(org_id: UUID, period_start: datetime) -> TextualSelect:
    """Select what `find_event_number` finds."""
    return fill(_EVENTS, org=org_id, since=period_start).columns(number=BigInteger)


def get_cluster(session: Session) -> str:
    """Get the identifier of this database cluster: marks of another one say nothing here."""
    [(cluster,)] = ask(session, CLUSTER)
    return str(cluster)


def _span(org_id: UUID, period: Period) -> dict[str, Any]:
    return {"org": org_id, "since": period.start, "until": period.end}
