"""Roll-ups for the benchmarks: events over HTTP and their fold; one late event of a meter that counts many values."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.metering.rollups.fold import fold_rollups
from bench import batches, load
from bench.proof import counted
from bench.world import KEYS, World, org

ORGS = 100
VALUES, ON_DAYS, LATE = 1_000_000, 5, 41

_METER = (
    "INSERT INTO meters (key, name, unit, aggregation, dimension) VALUES ('seen', 'Seen', 'user', 'unique', 'user')"
)
# Events of one user each, over some days of three weeks ago.
_EVENTS = """
INSERT INTO usage_events (org_id, meter_id, key, event_id, quantity, occurred_at, recorded_at, subject_id, billable,
                          source)
SELECT %(org)s, m.id, gen_random_uuid(), 'e', 1, now() - interval '21 days' + n %% %(days)s * interval '1 day', now(),
       md5(n::text)::uuid, true, 'api'
FROM meters m, generate_series(%(first)s::integer, %(last)s) n WHERE m.key = %(meter)s
"""


def against_ingest(world: World, base: str) -> tuple[float, float]:
    """Events folded a second, and events that batches over HTTP brought a second: the same events."""
    engine = one_connection(world)
    fold(engine)
    before = counted(world)
    requests = load.wrk(f"{base}/api/v1/usage/events", 4, "labelled.lua", ORGS=str(ORGS), KEYS=str(KEYS))
    time.sleep(1)  # for requests that wrk did not wait for
    folded, seconds = fold(engine)
    engine.dispose()
    assert folded == counted(world) - before
    return folded / seconds, requests * batches.SIZE


def late_value(world: World, _base: str) -> tuple[float, float]:
    """Milliseconds of the fold of one late event: of a meter with a million values, and of one that sums."""
    engine, taken = one_connection(world), {"seen": [], "bench": []}
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute(_METER)
        _insert(connection, "seen", 1, VALUES)
        fold(engine)
        connection.execute("VACUUM ANALYZE usage_events, usage_days, usage_months, rollup_values")
        for each in range(LATE):
            for meter, milliseconds in taken.items():
                value = VALUES + each if each % 2 else each + 1  # a new one, a known one
                _insert(connection, meter, value, value)
                folded, seconds = fold(engine)
                assert folded == 1
                milliseconds.append(seconds * 1000)
    engine.dispose()
    return statistics.median(taken["seen"]), statistics.median(taken["bench"])


def _insert(connection: psycopg.Connection, meter: str, first: int, last: int) -> None:
    named = {"org": org(1), "days": ON_DAYS, "first": first, "last": last, "meter": meter}
    connection.execute(_EVENTS, named)


def one_connection(world: World) -> sa.Engine:
    """An engine with one connection, which is kept, as a worker's is."""
    return sa.create_engine(world.url.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=1)


def fold(engine: sa.Engine) -> tuple[int, float]:
    """Fold as the worker does, step by step, until nothing is left. Returns the events and the seconds."""
    folded, more = 0, True
    started = time.perf_counter()
    while more:
        with Session(engine) as session, session.begin():
            step = fold_rollups(session, datetime.now(UTC))
        folded, more = folded + step.events, step.more
    return folded, time.perf_counter() - started
