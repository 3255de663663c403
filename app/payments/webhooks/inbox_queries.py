"""Staff's reads of the Stripe inbox: a page of events, counts by state, one event with its body."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.kit.ids import parse_id
from app.payments.webhooks.models import INBOX_STATES
from app.web.paging import encode_cursor

Position = tuple[datetime, str]

COUNTED = timedelta(days=30)
_ID = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_.]{1,100}", re.ASCII)
_COLUMNS = """
SELECT event.id, event.type, event.api_version, event.livemode, event.account, event.object_type, event.object_id,
       event.customer_id, coalesce(event.org_id, customer.org_id) AS org_id, org.name AS org, event.state,
       event.attempts, event.error, event.source, event.created_at, event.received_at, event.settled_at
"""
_FROM = """
FROM stripe_inbox event
LEFT JOIN stripe_customers customer ON customer.id = event.customer_id
LEFT JOIN accounts_orgs org ON org.id = coalesce(event.org_id, customer.org_id)
"""
# A query contains only the conditions in use, so that each one can use its own index.
_CONDITIONS = {
    "state": "event.state = :state",
    "type": "starts_with(event.type, :type)",
    "event": "event.id = :event",
    "customer": "event.customer_id = :customer",
    "object": "event.object_id = :object",
    "org": "(event.org_id = :org OR event.customer_id IN (SELECT id FROM stripe_customers WHERE org_id = :org))",
    "at": "(event.received_at, event.id) < (:at, :id)",
}
_ONE = text(f"{_COLUMNS}, event.body {_FROM} WHERE event.id = :event")
# Open events are all counted, by a small partial index; settled ones over the last thirty days.
_COUNTS = text("""
SELECT state, count(*) AS events FROM stripe_inbox
WHERE state IN ('received', 'parked', 'failed', 'refused') GROUP BY state
UNION ALL
SELECT state, count(*) AS events FROM stripe_inbox
WHERE received_at >= :since AND state IN ('applied', 'ignored') GROUP BY state
""")


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """Filters by state, by type or type prefix ("invoice."), and by an id of any kind; None matches all."""

    state: str | None = None
    type: str | None = None
    search: str | None = None

    def matches_nothing(self) -> bool:
        """Whether nothing can match because the search is not an id, or the type is malformed."""
        searched = self.search is None or parse_id(self.search) or _ID.fullmatch(self.search)
        return not searched or (self.type is not None and not _TYPE.fullmatch(self.type))

    def values(self) -> dict[str, Any]:
        """The parameters of the query."""
        values = {"state": self.state, "type": self.type} | self._searched()
        return {name: value for name, value in values.items() if value is not None}

    def _searched(self) -> dict[str, Any]:
        if self.search is None:
            return {}
        if org_id := parse_id(self.search):
            return {"org": org_id}
        kinds = {"evt_": "event", "cus_": "customer"}
        return {next((kind for prefix, kind in kinds.items() if self.search.startswith(prefix)), "object"): self.search}


def list_events(session: Session, filters: InboxFilter, before: Position | None, limit: int) -> Sequence[Row[Any]]:
    """At most `limit` events received before the position, latest first."""
    if filters.matches_nothing():
        return []
    values = filters.values()
    if before is not None:
        values |= {"at": before[0], "id": before[1]}
    where = [_CONDITIONS[name] for name in values if name in _CONDITIONS]
    query = f"{_COLUMNS} {_FROM} {'WHERE ' if where else ''}{' AND '.join(where)}"
    query += " ORDER BY event.received_at DESC, event.id DESC LIMIT :limit"
    return session.execute(text(query), {**values, "limit": limit}).all()


def count_events(session: Session, now: datetime) -> dict[str, int]:
    """Number of events by state: all that are open, and those settled over the last thirty days.

    Worked example: two that failed last year and one applied today: {"failed": 2, "applied": 1, "received": 0, ...}.
    """
    counts = {row.state: row.events for row in session.execute(_COUNTS, {"since": now - COUNTED})}
    return {state: counts.get(state, 0) for state in INBOX_STATES}


def get_event(session: Session, event_id: str) -> Row[Any]:
    """One event with its body. Raises `NotFound` if there is no event with this id."""
    event = session.execute(_ONE, {"event": event_id}).one_or_none() if _ID.fullmatch(event_id) else None
    if event is None:
        raise NotFound("There is no such event.")
    return event


def build_cursor(row: Row[Any]) -> str:
    """The cursor for the page after this row."""
    return encode_cursor(row.received_at.isoformat(), row.id)
