"""Limits hold exactly and ids count once, whatever arrives at the same time."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from threading import Barrier

import pytest

from app.kit.postgres.pool import HotPool
from tests.metering.world import World, event
from tests.races import crowd

LIMIT = 1000
PROCESSES = 4
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))]


@pytest.fixture(scope="module")
def forks() -> BaseContext:
    """Clean processes, forked from one that has imported the crowd: importing it takes longer than its turns."""
    context = get_context("forkserver")
    context.set_forkserver_preload([crowd.__name__])
    return context


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_32_threads_over_4_processes_never_pass_the_limit_and_lose_nothing_that_fits(
    world: World, forks: BaseContext, seed: int
) -> None:
    org = world.org(t_sum={"policy": "block", "allowance": LIMIT})
    with ProcessPoolExecutor(PROCESSES, mp_context=forks) as others:
        seeds = [seed * 10 + process for process in range(PROCESSES)]
        sent = [others.submit(crowd.press, world.url, org, each, 12, standby=world.standby) for each in seeds]
        done = [each.result() for each in sent]
    used = world.used(org)
    assert used <= LIMIT
    assert sum(admitted for admitted, _ in done) == used
    refused = [each for _, some in done for each in some]
    assert refused, "the limit was never reached; send more"
    assert [each for each in refused if used + each <= LIMIT] == []
    world.books_agree(org)


def test_the_same_event_50_times_at_once_counts_once(world: World) -> None:
    org = world.org(t_sum={"allowance": 1})
    barrier, pool = Barrier(50), HotPool(world.url, 50, timeout=30)
    wide = World(world.url, pool, standby=world.standby)

    def send(_: int) -> str:
        barrier.wait()
        return wide.one(org, event(id="once")).code

    with ThreadPoolExecutor(50) as threads:
        codes = Counter(threads.map(send, range(50)))
    pool.close()
    assert codes == {"recorded": 1, "duplicate": 49}
    assert world.used(org) == 1
    world.books_agree(org)


def test_the_same_event_many_times_at_once_is_known_also_where_a_window_has_room_for_one(world: World) -> None:
    def send(_: int) -> str:
        barrier.wait()
        return world.one(org, event(id="once")).code

    for _ in range(20):
        org, barrier = world.org(t_sum={"per_minute": 1}), Barrier(8)
        with ThreadPoolExecutor(8) as threads:
            assert Counter(threads.map(send, range(8))) == {"recorded": 1, "duplicate": 7}


def test_one_id_with_many_contents_at_once_records_one_and_conflicts_the_rest(world: World) -> None:
    org = world.org()
    with ThreadPoolExecutor(16) as threads:
        codes = Counter(threads.map(lambda n: world.one(org, event(id="one", quantity=n)).code, range(1, 17)))
    assert codes == {"recorded": 1, "id_conflict": 15}
    world.books_agree(org)


def test_batches_in_opposite_order_do_not_deadlock(world: World) -> None:
    org = world.org(t_sum={"allowance": 10**9}, t_sum2={"allowance": 10**9})

    def send(number: int) -> tuple[int, int]:
        batch = [event(meter, id=f"{number // 2}-{i}-{meter}") for i in range(40) for meter in ("t_sum", "t_sum2")]
        done = world.many(org, batch[::-1] if number % 2 else batch)
        return done.recorded, done.duplicates

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(send, range(40)))
    assert sum(recorded for recorded, _ in done) == sum(duplicates for _, duplicates in done) == 20 * 80
    assert (world.used(org), world.used(org, "t_sum2")) == (800, 800)
    world.books_agree(org)


def test_singles_batches_and_a_change_of_limits_together_neither_deadlock_nor_pass_the_limit(world: World) -> None:
    org = world.org(t_sum={"allowance": 500}, t_people={"allowance": 5}, t_sum2={"allowance": 100, "per_minute": 50})

    def send(number: int) -> None:
        meters = ("t_sum", "t_sum2", "t_people")
        if number % 10 == 0:
            with world.pool.connection() as connection, connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(usage_lock(%s))", (org,))
                connection.execute(
                    "UPDATE terms_in_force SET cap = cap + 1 WHERE org_id = %s AND per_minute IS NULL",
                    (org,),
                )
        elif number % 3 == 0:
            batch = [event(meters[i % 3], 3, user=f"u{(number + i) % 9}") for i in range(12)]
            world.many(org, batch[::-1] if number % 2 else batch)
        else:
            world.one(org, event(meters[number % 3], 7, user=f"u{number % 9}"))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(send, range(200)))
    assert world.used(org) <= 520
    assert world.used(org, "t_sum2") <= 50
    assert world.used(org, "t_people") <= 25
    world.books_agree(org)
