"""Refused events: stored as sent for 30 days, up to a number an hour; refusals at a limit are only counted, by hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Boolean, DateTime, Row, Text, TextualSelect, select, text
from sqlalchemy.orm import Session

from app.catalog.sql_views import METERS
from app.kit.ids import new_id
from app.kit.money import ZERO
from app.kit.postgres.pool import HotPool
from app.kit.postgres.together import ask, fill
from app.metering.models import RefusedEvent, RefusedQuota, RefusedTally
from app.metering.recording.fingerprint import MAX_DEPTH, is_nested_within

MAX_KEPT = 8192
MOST_AN_HOUR = 200
"""Events kept as sent an organisation, hour and code. A sender that repeats a mistake has seen it by then."""

_KEEP = "SELECT usage_keep_refused(%s, %s, %s, %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[])"
_COUNT = "SELECT usage_count_refused(%s, %s, %s::text[], %s::bigint[], %s::numeric[])"

# Refusals by reason: those of events as `refused_hours` counts them, with the newest event that is kept; those at a
# limit by meter. `by_hour`: `at` is the hour of the last one, since that one was only counted.
_REASONS = text("""
SELECT hours.code, NULL AS meter, hours.events,
       CASE WHEN hours.counted THEN hours.last ELSE coalesce(newest.at, hours.last) END AS at,
       hours.counted OR newest.at IS NULL AS by_hour, newest.event_id, coalesce(newest.detail, '') AS detail
FROM (SELECT code, sum(kept + more)::bigint AS events, max(hour) AS last,
             (array_agg(more > 0 ORDER BY hour DESC))[1] AS counted
      FROM refused_hours WHERE org_id = :org_id AND hour >= :since GROUP BY code) hours
LEFT JOIN LATERAL (SELECT at, event_id, detail FROM refused_events
              WHERE org_id = :org_id AND code = hours.code ORDER BY id DESC LIMIT 1) newest ON true
UNION ALL
SELECT 'quota_exceeded', meter.name, sum(refused.count)::bigint, max(refused.hour), true, NULL, ''
FROM refused_quota refused JOIN catalog_meters meter ON meter.id = refused.meter_id
WHERE refused.org_id = :org_id AND refused.hour >= :since GROUP BY meter.id, meter.name
ORDER BY at DESC, code, meter
""")


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """A refused event to store; `event` is the JSON as sent."""

    event_id: str | None
    code: str
    detail: str
    event: bytes


def store_refused(pool: HotPool, org_id: UUID, refused: Sequence[RefusedEntry], now: datetime) -> None:
    """Store refused events for the customer to see; those above `MOST_AN_HOUR` are only counted."""
    if not refused:
        return
    stored: Counter[str] = Counter()
    rows = []
    for entry in refused:
        stored[entry.code] += 1
        document = _document(entry.event) if stored[entry.code] <= MOST_AN_HOUR else ""
        rows.append((entry.code, new_id(), entry.event_id, entry.detail, document))
    columns = [list(column) for column in zip(*rows, strict=True)]
    with pool.connection() as connection:
        connection.execute(_KEEP, (org_id, now, MOST_AN_HOUR, *columns))


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


def list_counted_hours(session: Session, org_id: UUID, limit: int) -> list[RefusedTally]:
    """List the latest hours with refused events that were only counted, newest first."""
    query = select(RefusedTally).where(RefusedTally.org_id == org_id, RefusedTally.more > 0)
    return list(session.scalars(query.order_by(RefusedTally.hour.desc(), RefusedTally.code).limit(limit)))


def list_refusal_reasons(session: Session, org_id: UUID, since: datetime) -> Sequence[Row[Any]]:
    """List why events were refused since then, one row per code, or per meter at a limit; the latest first.

    Worked example: two events of unknown meters, and 40 at the limit of API calls: two rows, with `events` 2 and 40.
    """
    return ask(session, select_refusal_reasons(org_id, since))


def select_refusal_reasons(org_id: UUID, since: datetime) -> TextualSelect:
    """Select what `list_refusal_reasons` lists."""
    return fill(_REASONS, org_id=org_id, since=since).columns(
        code=Text, meter=Text, events=BigInteger, at=DateTime(timezone=True), by_hour=Boolean, event_id=Text,
        detail=Text,
    )  # fmt: skip


def _document(event: bytes) -> str:
    """Return the JSON as sent. If it is too long, too deep or invalid, its beginning as a JSON string."""
    if len(event) <= MAX_KEPT:
        try:
            if is_nested_within(msgspec.json.decode(event), MAX_DEPTH):
                return event.decode("utf-8")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    shown: Any = event[:MAX_KEPT].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return msgspec.json.encode(shown).decode("utf-8")
