"""The benchmark table: what every row divides by what, with its floor and aim."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa

from app.kit.postgres.pool import HotPool
from bench import batches, close, load, rollups, webhooks
from bench.proof import counted
from bench.world import KEYS, World

ORGS = 100
CLIENTS = 16
BATCHES = 40
COPIED = 100_000


@dataclass(frozen=True)
class Row:
    """`measure(world, base)` runs one round and returns what is divided, and by what. `since` is the oldest PostgreSQL
    that the row requires; `beside` is what the figure depends on, printed with it. `most`: the less, the better."""

    title: str
    floor: float
    aim: float
    measure: Callable[[World, str], tuple[float, float]]
    since: int = 15
    beside: Callable[[World], str] | None = None
    most: bool = False
    rounds: int = 3

    def reaches(self, figure: float, wanted: float) -> bool:
        """Whether a figure is as good as wanted."""
        return figure <= wanted if self.most else figure >= wanted


def single(world: World, base: str) -> tuple[float, float]:
    script = "call.sql" if world.postgres >= 17 else "plain.sql"
    return _events(world, base, ORGS), load.pgbench(world.url, script, CLIENTS, orgs=ORGS)


def hot_http(world: World, base: str) -> tuple[float, float]:
    return _events(world, base, 1), _events(world, base, len(world.keys))


def hot_sql(world: World, _base: str) -> tuple[float, float]:
    called = load.pgbench(world.url, "call.sql", 32, orgs=1)
    counted(world)
    return called, load.pgbench(world.url, "plain.sql", 32, orgs=1)


def flush(world: World) -> str:
    """The time of one flush of the write-ahead log: the median of 200, with its round trip."""
    taken = []
    with psycopg.connect(world.url, autocommit=True) as connection:
        for _ in range(200):
            started = time.perf_counter()
            connection.execute("SELECT pg_logical_emit_message(false, 'f', '', true)")
            taken.append(time.perf_counter() - started)
    return f"a flush takes {statistics.median(taken) * 1000:.2f} ms"


def naive(world: World, base: str) -> tuple[float, float]:
    return _events(world, base, ORGS), _events(world, base, ORGS, "/api/v1/bench/naive")


def batch_http(world: World, base: str) -> tuple[float, float]:
    before = counted(world)
    requests = load.wrk(f"{base}/api/v1/usage/events", 4, "batch.lua", KEYS=str(KEYS))
    distinct = 1 - batches.REPEATED
    assert counted(world) - before >= requests * (load.SECONDS - 0.1) * batches.SIZE * distinct
    return requests * batches.SIZE, _copy(world)


def batch_sql(world: World, _base: str) -> tuple[float, float]:
    known = batches.facts(world)
    engine = sa.create_engine(world.url.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=1)
    pool = HotPool(world.url, 1)
    figures = [
        _rate(lambda of, ids: batches.ours(pool, of, ids)),
        _rate(lambda of, ids: batches.core(engine, of, ids, known)),
    ]
    pool.close()
    engine.dispose()
    counted(world)
    return figures[0], figures[1]


def check(_world: World, base: str) -> tuple[float, float]:
    figures = [
        load.wrk(base, CLIENTS, "check.lua", ORGS=str(ORGS), KEYS=str(KEYS), TARGET=f"/api/v1/{path}")
        for path in ("usage/check", "bench/null")
    ]
    return figures[0], figures[1]


ROWS = {
    "G1": Row("single event over HTTP / the same SQL by pgbench, 16 clients", 0.25, 0.40, single),
    "G2": Row("one hot org / ten thousand orgs, over HTTP", 0.95, 1.2, hot_http, since=17),
    "G3": Row("hot org in SQL, our procedure / a plain transaction, 32 clients", 2.5, 5, hot_sql, 17, flush),
    "G4": Row("single event / a naive ORM view in the same server", 2, 4, naive),
    "G5": Row("batches of 1,000 over HTTP / raw COPY of the same rows, events a second", 0.15, 0.35, batch_http),
    "G6": Row("batches of 1,000 in SQL / SQLAlchemy Core bulk insert of the same rows", 2.5, 4, batch_sql),
    "G7": Row("limit check / a view that returns nothing, behind the same key and limit", 0.35, 0.50, check),
    "G8": Row("signed webhook receipts / dj-stripe's, same server, database and bodies", 4, 8, webhooks.receipts),
    "G11": Row("roll-ups folded / ingested by batches over HTTP, events a second", 1.5, 2.5, rollups.against_ingest),
    "G12": Row("period close / one transaction per org, orgs a second", 8, 15, close.against_a_loop),
    "G13": Row("100,000 orgs closed / 10,000, seconds", 13, 11, close.many_against_few, most=True, rounds=1),
    "G21": Row(
        "fold of one late event, among a million values / of a sum", 5, 2, rollups.late_value, most=True, rounds=1
    ),
}


def _events(world: World, base: str, orgs: int, path: str = "/api/v1/usage/events") -> float:
    """Return events per second over HTTP, one per request. Asserts that acknowledged events are stored and counted."""
    before = counted(world)
    rate = load.wrk(base, CLIENTS, "event.lua", ORGS=str(orgs), KEYS=str(KEYS), TARGET=path)
    written = counted(world) - before
    assert written >= rate * (load.SECONDS - 0.1) or path.endswith("naive"), "acknowledged, but not recorded"
    return rate


def _rate(write: Callable[..., None]) -> float:
    prepared = list(batches.batches(BATCHES + 1))
    write(*prepared.pop())  # connects and prepares
    started = time.perf_counter()
    for of, ids in prepared:
        write(of, ids)
    return BATCHES * batches.SIZE / (time.perf_counter() - started)


def _copy(world: World) -> float:
    """Return rows per second of one COPY into a bare table with the same columns. The text is built beforehand."""
    known = batches.facts(world)
    rows = [batches.row(of, key, known) for of, ids in batches.batches(COPIED // batches.SIZE) for key in ids]
    text = "".join("\t".join(map(str, row.values())) + "\n" for row in rows)
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("TRUNCATE bare_events")
        started = time.perf_counter()
        with connection.cursor().copy(f"COPY bare_events ({', '.join(batches.COLUMNS)}) FROM STDIN") as copy:
            copy.write(text)
        return COPIED / (time.perf_counter() - started)
