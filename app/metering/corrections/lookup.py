"""Finds a recorded event by its id, with its period and its void, to look at before it is voided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.recording.fingerprint import derive_key

_EVENT = text("""
SELECT event.event_id, event.meter_id, event.quantity, event.occurred_at, event.recorded_at, event.billable,
       event.source, claimed.import_id, period.starts_at, period.ends_at, period.closed_at,
       void.recorded_at AS voided_at, details.metadata ->> 'reason' AS reason
FROM usage_keys claimed
JOIN usage_events event ON event.org_id = claimed.org_id AND event.occurred_at = claimed.occurred_at
     AND event.key = claimed.key
LEFT JOIN subscriptions_periods period ON period.org_id = event.org_id AND period.starts_at <= event.occurred_at
     AND period.ends_at > event.occurred_at
LEFT JOIN usage_events void ON void.org_id = event.org_id AND void.occurred_at = event.occurred_at
     AND void.key = usage_void_key(claimed.key)
LEFT JOIN event_details details ON details.org_id = void.org_id AND details.key = void.key
     AND details.occurred_at = void.occurred_at
WHERE claimed.org_id = :org AND claimed.key = :key AND event.reverses IS NULL
""")


@dataclass(frozen=True, slots=True)
class LookedUpEvent:
    """An event. `starts_at` to `ends_at` is its usage period; `voided_at` and `reason` are those of its void."""

    event_id: str
    meter_id: int
    quantity: Decimal
    occurred_at: datetime
    recorded_at: datetime
    billable: bool
    source: str
    import_id: UUID | None
    starts_at: datetime | None
    ends_at: datetime | None
    closed_at: datetime | None
    voided_at: datetime | None
    reason: str | None


def find_event(session: Session, org_id: UUID, event_id: str) -> LookedUpEvent | None:
    """Find a recorded event of the org by the id that it was sent with.

    Worked example: an event of 12 calls that was voided as "a retry": quantity 12, with the time and the reason.
    """
    key = UUID(derive_key(event_id))
    row = session.execute(_EVENT, {"org": org_id, "key": key}).one_or_none()
    return None if row is None else LookedUpEvent(*row)
