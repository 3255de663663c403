"""Compares a period's events with the keys that claimed them: which event was changed, moved, removed or slipped in.

A key keeps the hash of what was sent. What can be erased or renamed since (the user's label, the client's reference,
metadata) is part of that, so an event that names one of these may not match although nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from app.kit.money import plain
from app.kit.periods import Period
from app.metering.recording.fingerprint import hash_content
from app.metering.schemas import ABSENT, Event

CHANGED, MOVED, MISSING, UNCLAIMED = "changed", "moved", "missing", "unclaimed"

_EVENTS = text("""
SELECT e.key, e.event_id AS id, m.key AS meter, e.quantity, e.occurred_at, e.endpoint, e.file_bytes, e.format,
       e.job_id AS job, e.kind, e.language, e.provider, e.response_ms, e.status_code, e.subject_id, s.label AS "user",
       e.client_id, c.ref AS client, e.details_hash, d.metadata::text AS metadata, k.content,
       k.occurred_at AS claimed_at, e.reverses, o.quantity AS reversed_quantity
FROM usage_events e
JOIN catalog_meters m ON m.id = e.meter_id
LEFT JOIN usage_keys k ON k.org_id = e.org_id AND k.key = e.key
LEFT JOIN subjects s ON s.org_id = e.org_id AND s.id = e.subject_id
LEFT JOIN accounts_clients c ON c.org_id = e.org_id AND c.id = e.client_id
LEFT JOIN event_details d ON d.org_id = e.org_id AND d.key = e.key AND d.occurred_at = e.occurred_at
LEFT JOIN usage_events o ON o.org_id = e.org_id AND o.key = e.reverses AND o.occurred_at = e.occurred_at
WHERE e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until
ORDER BY e.occurred_at, e.seq
""").execution_options(yield_per=1000)
_GONE = text("""
SELECT k.key, k.occurred_at FROM usage_keys k
WHERE k.org_id = :org AND k.occurred_at >= :since AND k.occurred_at < :until
  AND NOT EXISTS (SELECT FROM usage_events e
                  WHERE e.org_id = k.org_id AND e.key = k.key AND e.occurred_at = k.occurred_at)
ORDER BY k.occurred_at
""").execution_options(yield_per=1000)
_PLAIN = ("endpoint", "file_bytes", "format", "id", "job", "kind", "language", "meter", "provider", "response_ms",
          "status_code", "user")  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventFinding:
    """An event that does not fit its key. `event_id` and `meter` are None where it is gone.

    `certain` is False where what it names may have been erased or renamed since it was recorded.
    """

    what: str
    key: UUID
    event_id: str | None
    meter: str | None
    occurred_at: datetime
    certain: bool = True


def find_changed_events(session: Session, org_id: UUID, period: Period, limit: int) -> list[EventFinding]:
    """Find up to `limit` events of a period that are not what was recorded, earliest first."""
    asked = {"org": org_id, "since": period.start, "until": period.end}
    found: list[EventFinding] = []
    for finding in _find(session, asked):
        found.append(finding)
        if len(found) == limit:
            break
    return found


def _find(session: Session, asked: Mapping[str, Any]) -> Iterator[EventFinding]:
    for row in session.execute(_GONE, asked).mappings():
        yield EventFinding(MISSING, row["key"], None, None, row["occurred_at"])
    for row in session.execute(_EVENTS, asked).mappings():
        finding = _judge(row)
        if finding is not None:
            yield finding


def _judge(row: RowMapping) -> EventFinding | None:
    named = (row["key"], row["id"], row["meter"], row["occurred_at"])
    if row["content"] is None:
        return EventFinding(UNCLAIMED, *named)
    if row["claimed_at"] != row["occurred_at"]:
        return EventFinding(MOVED, *named)
    if row["reverses"] is not None:
        intact = row["content"] == row["reverses"].bytes and row["quantity"] == -(row["reversed_quantity"] or 0)
        return None if intact else EventFinding(CHANGED, *named)
    if any(bytes.fromhex(hash_content(event)) == row["content"] for event in _list_possible(row)):
        return None
    certain = row["client_id"] is None and row["subject_id"] is None and row["details_hash"] is None
    return EventFinding(CHANGED, *named, certain=certain)


def _list_possible(row: RowMapping) -> Iterator[Event]:
    """What may have been sent: with or without its time, its client by reference or by id."""
    facts = {name: row[name] for name in _PLAIN}
    clients = [row["client"], str(row["client_id"])] if row["client_id"] else [None]
    for at, client in product((row["occurred_at"].astimezone(UTC), None), clients):
        yield Event(
            **facts,
            client=client,
            occurred_at=at,
            quantity=_encode_quantity(row["quantity"]),
            metadata=_encode_metadata(row["metadata"]),
        )


def _encode_quantity(quantity: Decimal) -> msgspec.Raw:
    return ABSENT if quantity == 1 else msgspec.Raw(plain(quantity).encode())


def _encode_metadata(stored: str | None) -> msgspec.Raw:
    if stored is None:
        return ABSENT
    return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(stored), order="sorted"))
