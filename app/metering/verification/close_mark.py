"""The mark of a close: transactions below it have ended, so what they recorded is counted; what comes above is late."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.periods import Period

# An event of the period at or above the horizon could not be told from a late one. A moved boundary may have left a
# maximum or unique values to be counted anew.
_MARK = text("""
SELECT horizon.mark, database_cluster() AS cluster,
       EXISTS (SELECT FROM usage_events e
               WHERE e.org_id = :org AND e.occurred_at >= :start AND e.occurred_at < :end AND e.tx >= horizon.mark)
       AS recording,
       EXISTS (SELECT FROM usage_counters c
               WHERE c.org_id = :org AND c.period_start = :start AND c.unsettled IS NOT NULL) AS unsettled
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark) horizon
""")


@dataclass(frozen=True, slots=True)
class CloseMark:
    """A transaction horizon of a database cluster. `waits_for` says why the period cannot be closed yet.

    `settled`: the counters are exact, as long as the caller holds the usage lock.
    """

    mark: int
    cluster: str
    waits_for: str | None
    settled: bool = True


def take_mark(session: Session, org_id: UUID, period: Period) -> CloseMark:
    """Take the mark for a period; the caller holds the org's usage lock, so none of its events are in flight."""
    row = session.execute(_MARK, {"org": org_id, "start": period.start, "end": period.end}).one()
    waits_for = "its counters to be settled" if row.unsettled else "its last events" if row.recording else None
    return CloseMark(row.mark, row.cluster, waits_for, not row.unsettled)
