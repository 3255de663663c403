"""Batches of events for the benchmarks: as parsed requests for our call, and as table rows for the baselines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import sqlalchemy as sa

from app.kit.postgres.pool import HotPool
from app.metering.recorder import UsageRecorder
from app.metering.recording.batch import record_batch
from app.metering.schemas import Event
from bench.reference import core_bulk
from bench.world import World, org

SIZE = 1000
REPEATED = 0.02
COLUMNS = ("org_id", "meter_id", "quantity", "occurred_at", "recorded_at", "key", "event_id", "kind", "provider",
           "api_key_id", "plan_version_id", "billable", "source")  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """The values that all rows of the table share."""

    meter_id: int
    plan_version_id: UUID
    period_start: datetime
    now: datetime


def facts(world: World) -> Facts:
    """Load the benchmark's meter, plan and period."""
    with psycopg.connect(world.url) as connection:
        row = connection.execute(
            "SELECT m.id, p.plan_version_id, p.starts_at FROM meters m, usage_periods p WHERE m.key = 'bench' LIMIT 1"
        ).fetchone()
    assert row is not None
    return Facts(*row, datetime.now(UTC))


def batches(count: int) -> Iterator[tuple[UUID, list[UUID]]]:
    """Yield batches, as one org and its event ids, some of which are repeated."""
    random = Random()
    for _ in range(count):
        ids: list[UUID] = []
        while len(ids) < SIZE:
            ids.append(random.choice(ids) if ids and random.random() < REPEATED else uuid4())
        yield org(random.randint(1, 100)), ids


def row(of: UUID, key: UUID, known: Facts) -> dict[str, Any]:
    """Build the `usage_events` columns of an event."""
    values = (of, known.meter_id, Decimal(1), known.now, known.now, key, str(key), "scan", "acme", of,
              known.plan_version_id, True, "api")  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def ours(pool: HotPool, of: UUID, ids: list[UUID]) -> None:
    """Record a batch with the product's own call, starting from parsed events."""
    recorder = UsageRecorder(pool, timedelta(days=35), timedelta(minutes=5), False, _not_due)
    events = [Event(id=str(key), meter="bench", kind="scan", provider="acme") for key in ids]
    outcome = record_batch(recorder, of, events, key_id=of, now=datetime.now(UTC))
    assert outcome.recorded == len(set(ids))
    assert outcome.recorded + outcome.duplicates == len(ids)


def core(engine: sa.Engine, of: UUID, ids: list[UUID], known: Facts) -> None:
    """Record a batch with SQLAlchemy Core."""
    core_bulk.write(engine, [row(of, key, known) for key in ids], known.period_start)


def _not_due(*_: Any) -> None:
    raise AssertionError("all periods are already open")
