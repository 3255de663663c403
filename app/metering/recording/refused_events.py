"""Refused events: stored as sent for 30 days; refusals at a limit are only counted, by hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.catalog.sql_views import METERS
from app.kit.ids import new_id
from app.kit.money import ZERO
from app.kit.pool import HotPool
from app.metering.models import RefusedEvent, RefusedQuota

MAX_KEPT = 8192

_KEEP = """
INSERT INTO refused_events (org_id, id, at, event_id, code, detail, event)
SELECT %s, r.id, %s, r.event_id, r.code, r.detail, r.event::json
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[]) r (id, event_id, code, detail, event)
"""
_COUNT = "SELECT usage_count_refused(%s, %s, %s::text[], %s::bigint[], %s::numeric[])"

# Single events with their reason, and refusals at a limit by the hour.
_NEWEST = text("""
(SELECT at, event ->> 'meter' AS meter, code, detail, 1 AS events FROM refused_events
 WHERE org_id = :org_id AND at >= :since ORDER BY id DESC LIMIT :limit)
UNION ALL
(SELECT hour, meter.name, 'quota_exceeded', '', refused.count::integer FROM refused_quota refused
 JOIN catalog_meters meter ON meter.id = refused.meter_id
 WHERE refused.org_id = :org_id AND refused.hour >= :since ORDER BY hour DESC LIMIT :limit)
ORDER BY at DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """A refused event to store; `event` is the JSON as sent."""

    event_id: str | None
    code: str
    detail: str
    event: bytes


def store_refused(pool: HotPool, org_id: UUID, refused: Sequence[RefusedEntry], now: datetime) -> None:
    """Store refused events for the customer to see."""
    if not refused:
        return
    rows = [(new_id(), entry.event_id, entry.code, entry.detail, _document(entry.event)) for entry in refused]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with pool.connection() as connection:
        connection.execute(_KEEP, (org_id, now, *columns))


def count_refused(pool: HotPool, org_id: UUID, refused: Iterable[tuple[str, str]], now: datetime) -> None:
    """Count the events that a limit refused, given as (meter, quantity)."""
    sums: dict[str, tuple[int, Decimal]] = {}
    for meter, quantity in refused:
        number, total = sums.get(meter, (0, ZERO))
        sums[meter] = (number + 1, total + Decimal(quantity))
    if not sums:
        return
    counts = [number for number, _ in sums.values()]
    totals = [total for _, total in sums.values()]
    with pool.connection() as connection:
        connection.execute(_COUNT, (org_id, now, list(sums), counts, totals))


def list_refused(session: Session, org_id: UUID, before: UUID | None, limit: int) -> list[RefusedEvent]:
    """List an org's refused events, newest first, optionally only those before the id `before`."""
    query = select(RefusedEvent).where(RefusedEvent.org_id == org_id)
    if before is not None:
        query = query.where(RefusedEvent.id < before)
    return list(session.scalars(query.order_by(RefusedEvent.id.desc()).limit(limit)))


def list_refused_hours(session: Session, org_id: UUID, limit: int) -> list[tuple[str, RefusedQuota]]:
    """List the latest hours in which a limit refused events, with the meter's key, newest first."""
    query = (
        select(METERS.c.key, RefusedQuota)
        .join(METERS, METERS.c.id == RefusedQuota.meter_id)
        .where(RefusedQuota.org_id == org_id)
        .order_by(RefusedQuota.hour.desc(), METERS.c.key)
        .limit(limit)
    )
    return [(key, row) for key, row in session.execute(query)]


def list_newest_refusals(session: Session, org_id: UUID, since: datetime, limit: int) -> Sequence[Row[Any]]:
    """List the newest refusals since then.

    Worked example: two bad events, and an hour with 40 at a limit: three rows, with `events` 1, 1 and 40.
    """
    return session.execute(_NEWEST, {"org_id": org_id, "since": since, "limit": limit}).all()


def _document(event: bytes) -> str:
    """Return the JSON as sent. If it is too long or invalid, its beginning as a JSON string."""
    if len(event) <= MAX_KEPT:
        try:
            msgspec.json.decode(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            return event.decode("utf-8")
    shown: Any = event[:MAX_KEPT].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return msgspec.json.encode(shown).decode("utf-8")
