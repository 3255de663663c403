"""Writes a batch with SQLAlchemy Core: new keys, their events and their sums. Checks no limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.metering.models import UsageCounter, UsageEvent, UsageKey

KEYS, EVENTS, COUNTERS = (model.__table__ for model in (UsageKey, UsageEvent, UsageCounter))
CONTENT = bytes(16)


def write(engine: sa.Engine, rows: Sequence[Mapping[str, Any]], period_start: Any) -> None:
    """Write rows of `usage_events` in one transaction, every key once."""
    with engine.begin() as connection:
        seen = {(row["org_id"], row["key"]): row for row in rows}
        keys = [
            {"org_id": org, "key": key, "content": CONTENT, "occurred_at": seen[org, key]["occurred_at"]}
            for org, key in sorted(seen)
        ]
        claim = insert(KEYS).on_conflict_do_nothing().returning(KEYS.c.org_id, KEYS.c.key)
        new = [seen[org, key] for org, key in connection.execute(claim, keys)]
        connection.execute(sa.insert(EVENTS), new)
        sums: Counter[tuple[Any, int]] = Counter()
        numbers: Counter[tuple[Any, int]] = Counter()
        for row in new:
            sums[row["org_id"], row["meter_id"]] += row["quantity"]
            numbers[row["org_id"], row["meter_id"]] += 1
        counters = [
            {
                "org_id": org,
                "meter_id": meter,
                "period_start": period_start,
                "used": used,
                "events": numbers[org, meter],
            }
            for (org, meter), used in sorted(sums.items())
        ]
        upsert = insert(COUNTERS)
        added = {
            "used": COUNTERS.c.used + upsert.excluded.used,
            "events": COUNTERS.c.events + upsert.excluded.events,
        }
        conflict_key = ["org_id", "meter_id", "period_start"]
        connection.execute(upsert.on_conflict_do_update(index_elements=conflict_key, set_=added), counters)
