"""Roll-ups for the benchmarks: events over HTTP, then their fold; late events of a meter with many values."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.metering.rollups.fold import fold_rollups
from bench import batches, load
from bench.proof import counted
from bench.world import KEYS, World

ORGS = 100


def against_ingest(world: World, base: str) -> tuple[float, float]:
    """Events folded a second, and events that batches over HTTP brought a second: the same events."""
    fold(world)
    before = counted(world)
    requests = load.wrk(f"{base}/api/v1/usage/events", 4, "labelled.lua", ORGS=str(ORGS), KEYS=str(KEYS))
    time.sleep(1)  # for requests that wrk did not wait for
    folded, seconds = fold(world)
    assert folded == counted(world) - before
    return folded / seconds, requests * batches.SIZE


def fold(world: World) -> tuple[int, float]:
    """Fold as the worker does, step by step, until nothing is left. Returns the events and the seconds."""
    engine = sa.create_engine(world.url.replace("postgresql://", "postgresql+psycopg://", 1))
    folded, more = 0, True
    started = time.perf_counter()
    while more:
        with Session(engine) as session, session.begin():
            step = fold_rollups(session, datetime.now(UTC))
        folded, more = folded + step.events, step.more
    seconds = time.perf_counter() - started
    engine.dispose()
    return folded, seconds
