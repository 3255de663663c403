"""Events that were recorded of closed usage periods after their close."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


class ClosedSpan(NamedTuple):
    """A closed period and its mark: transactions from `mark` on of the database `cluster` came after it."""

    start: datetime
    end: datetime
    mark: int
    cluster: str
    closed_at: datetime


class LateEvent(NamedTuple):
    """An event recorded after the close of its period. A void reverses `voids`, for a `reason`."""

    key: UUID
    event_id: str
    voids: str | None
    meter_id: int
    quantity: Decimal
    billable: bool
    occurred_at: datetime
    recorded_at: datetime
    source: str
    reason: str | None
    period_start: datetime
    period_end: datetime
    closed_at: datetime


# In a database restored into another cluster, marks mean nothing; there the time of recording decides.
_LATE = text("""
SELECT event.key, event.event_id, original.event_id AS voids, event.meter_id, event.quantity, event.billable,
       event.occurred_at, event.recorded_at, event.source, details.metadata ->> 'reason' AS reason,
       period.start, period.until, period.closed_at
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]), CAST(:marks AS bigint[]),
            CAST(:clusters AS text[]), CAST(:closes AS timestamptz[])) period (start, until, mark, cluster, closed_at)
JOIN usage_events event ON event.org_id = :org AND event.occurred_at >= period.start
     AND event.occurred_at < period.until
     AND CASE WHEN period.cluster = database_cluster() THEN event.tx >= period.mark
              ELSE event.recorded_at > period.closed_at END
LEFT JOIN usage_events original ON original.org_id = event.org_id AND original.occurred_at = event.occurred_at
     AND original.key = event.reverses
LEFT JOIN event_details details ON event.reverses IS NOT NULL AND details.org_id = event.org_id
     AND details.key = event.key AND details.occurred_at = event.occurred_at
WHERE CAST(:before AS timestamptz) IS NULL OR (event.recorded_at, event.key) < (:before, CAST(:before_key AS uuid))
ORDER BY event.recorded_at DESC, event.key DESC LIMIT :most
""")


def list_late_events(
    session: Session, org_id: UUID, spans: Sequence[ClosedSpan], before: tuple[datetime, UUID] | None, limit: int
) -> list[LateEvent]:
    """List an org's events of closed periods that came after the close, the one recorded last first.

    Worked example: March was closed on 1 April, and 5 calls of 30 March were recorded on 2 April: one row.
    """
    if not spans:
        return []
    asked = {
        "org": org_id, "starts": [span.start for span in spans], "ends": [span.end for span in spans],
        "marks": [span.mark for span in spans], "clusters": [span.cluster for span in spans],
        "closes": [span.closed_at for span in spans], "before": before[0] if before else None,
        "before_key": before[1] if before else None, "most": limit,
    }  # fmt: skip
    return [LateEvent(*row) for row in session.execute(_LATE, asked)]
