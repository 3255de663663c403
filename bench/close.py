"""Period closes for the benchmarks: orgs with an ended month, four meters of four tiers each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.billing_runs.closing.lanes import Lanes
from app.billing_runs.run import DUE
from app.subscriptions.close import list_due
from bench.reference import org_loop
from bench.world import World

ORGS, LOOPED, MANY = 10_000, 1_000, 100_000
_ROUNDS = count(1)

_SEED = """
INSERT INTO orgs (id, name, time_zone, created_at)
SELECT ('00000000-0000-7000-' || to_hex(%(round)s + 36864) || '-' || lpad(to_hex(n), 12, '0'))::uuid, 'Close ' || n,
       'UTC', %(start)s FROM generate_series(1, %(orgs)s) n;
INSERT INTO usage_periods (org_id, starts_at, ends_at, plan_version_id, time_zone, currency, opened_at)
SELECT o.id, %(start)s, %(end)s, v.id, 'UTC', 'USD', %(start)s
FROM orgs o, plan_versions v JOIN plans p ON p.id = v.plan_id AND p.key = 'close'
WHERE o.id BETWEEN %(first)s AND %(last)s;
INSERT INTO terms_in_force (org_id, meter_id, period_start, mentioned, policy, allowance, sources, charge_id)
SELECT p.org_id, m.id, p.starts_at, c.id IS NOT NULL, 'charge', 0, '{}', c.id
FROM usage_periods p CROSS JOIN meters m
LEFT JOIN plan_charges c ON c.plan_version_id = p.plan_version_id AND c.meter_id = m.id
WHERE p.org_id BETWEEN %(first)s AND %(last)s;
INSERT INTO usage_counters (org_id, meter_id, period_start, used, events)
SELECT t.org_id, t.meter_id, t.period_start,
       ('x' || right(t.org_id::text, 8))::bit(32)::bigint * 7919 * t.meter_id %% 200000, 1
FROM terms_in_force t WHERE t.org_id BETWEEN %(first)s AND %(last)s AND t.charge_id IS NOT NULL
"""


def against_a_loop(world: World, _base: str) -> tuple[float, float]:
    """Orgs closed a second: by the close, and by a loop with a transaction an org."""
    with _lanes(world) as lanes:
        ours = _timed(world, ORGS, lambda _orgs, _start: _close(world, lanes))
    looped = _timed(world, LOOPED, lambda orgs, start: _loop(world, orgs, start))
    return ours, looped


def many_against_few(world: World, _base: str) -> tuple[float, float]:
    """Seconds that 100,000 orgs take, and seconds that 10,000 take."""
    with _lanes(world) as lanes:
        few, many = (orgs / _timed(world, orgs, lambda _orgs, _start: _close(world, lanes)) for orgs in (ORGS, MANY))
    return many, few


@contextmanager
def _lanes(world: World) -> Iterator[Lanes]:
    """Lanes that run. A worker starts them once for half a minute of runs, or the close of some 100,000 orgs."""
    with Lanes(_url(world), timedelta(seconds=30)) as lanes:
        lanes.start()
        yield lanes


def _timed(world: World, orgs: int, close: Callable[[list[UUID], datetime], None]) -> float:
    """Make orgs, close their month, and return how many a second were; asserts that each has its four lines."""
    number = next(_ROUNDS)
    start = datetime(2020, 1, 1, tzinfo=UTC)
    first, last = _org(number, 1), _org(number, orgs)
    named = {"round": number, "orgs": orgs, "start": start, "end": datetime(2020, 2, 1, tzinfo=UTC), "first": first,
             "last": last}  # fmt: skip
    with psycopg.connect(world.url, autocommit=True) as connection:
        for statement in _SEED.split(";\n"):
            connection.execute(statement, {key: value for key, value in named.items() if f"%({key})s" in statement})
        connection.execute("VACUUM ANALYZE orgs, usage_periods, terms_in_force, usage_counters, invoice_lines")
        began = time.perf_counter()
        close([_org(number, each) for each in range(1, orgs + 1)], start)
        taken = time.perf_counter() - began
        written = connection.execute(
            "SELECT count(*) FROM invoice_lines WHERE org_id BETWEEN %s AND %s", (first, last)
        ).fetchone()
    assert written == (4 * orgs,), written
    return orgs / taken


def _org(number: int, each: int) -> UUID:
    return UUID(f"00000000-0000-7000-{number + 36864:x}-{each:012x}")


def _close(world: World, lanes: Lanes) -> None:
    engine = sa.create_engine(_url(world))
    now, grace = datetime.now(UTC), timedelta(hours=1)
    while True:
        with Session(engine) as session:
            due = list_due(session, now, grace, DUE)
        if not due:
            break
        assert len(lanes.rate(due, now).closed) == len(due)
    engine.dispose()


def _url(world: World) -> str:
    return world.url.replace("postgresql://", "postgresql+psycopg://", 1)


def _loop(world: World, orgs: list[UUID], start: datetime) -> None:
    with psycopg.connect(world.url) as connection:
        charges = org_loop.load_charges(connection)
        for org_id in orgs:
            org_loop.close(connection, org_id, start, charges)
