"""The mark of a close: transactions below it have ended, so what they recorded is counted; what comes above is late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.periods import Period
from app.kit.postgres.arrays import encode_keys, encode_times
from app.subscriptions.close import PeriodKey

UNSETTLED = "its counters to be settled"
_HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark, database_cluster() AS cluster")
# An event of the period at or above the horizon could not be told from a late one. A moved boundary may have left a
# maximum or unique values to be counted anew.
_WAITING = text("""
WITH period AS (
    SELECT * FROM unnest(CAST(:orgs AS uuid[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
                  period (org_id, starts_at, ends_at)
)
SELECT p.org_id, p.starts_at, 'its last events' AS waits_for FROM period p
WHERE (p.org_id, p.starts_at) IN (
    SELECT q.org_id, q.starts_at FROM usage_events e JOIN period q USING (org_id)
    WHERE e.tx >= :mark AND e.occurred_at >= :first AND e.occurred_at < :last
      AND e.occurred_at >= q.starts_at AND e.occurred_at < q.ends_at)
UNION ALL
SELECT p.org_id, p.starts_at, :unsettled FROM period p
WHERE EXISTS (SELECT FROM usage_counters c
              WHERE c.org_id = p.org_id AND c.period_start = p.starts_at AND c.unsettled IS NOT NULL)
""")


@dataclass(frozen=True, slots=True)
class CloseMark:
    """A transaction horizon of a database cluster. `waiting` says of periods why they cannot be closed yet.

    Those that do not wait for `UNSETTLED` have exact counters, as long as the caller holds the usage lock.
    """

    mark: int
    cluster: str
    waiting: Mapping[PeriodKey, str]


def take_mark(session: Session, periods: Mapping[PeriodKey, Period]) -> CloseMark:
    """Take the mark for periods; the caller holds the orgs' usage locks, so none of their events are in flight."""
    horizon = session.execute(_HORIZON).one()
    spans = list(periods.values())
    named = {
        **encode_keys(list(periods)),
        "ends": encode_times(span.end for span in spans),
        "mark": horizon.mark,
        "unsettled": UNSETTLED,
        "first": min(span.start for span in spans),
        "last": max(span.end for span in spans),
    }
    waiting = {PeriodKey(row.org_id, row.starts_at): row.waits_for for row in session.execute(_WAITING, named)}
    return CloseMark(horizon.mark, horizon.cluster, waiting)
