"""What runs inside the other processes of a race: plain functions, so that they can be sent there."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from app.kit.errors import Unavailable
from app.kit.postgres.pool import HotPool
from tests.metering.world import World, event

T = TypeVar("T")

THREADS = 8


def press(url: str, org: UUID, seed: int, turns: int, *, standby: bool) -> tuple[Decimal, list[Decimal]]:
    """Eight threads send singles and batches of 1 to 20 units; returns the units admitted and each one refused."""
    pool = HotPool(url, THREADS, timeout=30)
    world = World(url, pool, standby=standby)
    with ThreadPoolExecutor(THREADS) as threads:
        done = list(threads.map(lambda thread: _one_thread(world, org, seed * 1000 + thread, turns), range(THREADS)))
    pool.close()
    return sum((admitted for admitted, _ in done), Decimal(0)), [each for _, refused in done for each in refused]


def _one_thread(world: World, org: UUID, seed: int, turns: int) -> tuple[Decimal, list[Decimal]]:
    chance = random.Random(seed)
    admitted, refused = Decimal(0), []
    for _ in range(turns):
        quantities = [Decimal(chance.randint(1, 20)) for _ in range(chance.choice((1, 1, 1, 2, 5)))]
        kept = _send(world, org, quantities)
        admitted += sum((quantities[index] for index in kept), Decimal(0))
        refused += [each for index, each in enumerate(quantities) if index not in kept]
    return admitted, refused


def _send(world: World, org: UUID, quantities: list[Decimal]) -> set[int]:
    """Send one event bare or several as a batch; returns the places of those admitted."""
    events = [event(quantity=str(each)) for each in quantities]
    if len(events) == 1:
        code = _until_answered(lambda: world.one(org, events[0])).code
        assert code in {"recorded", "duplicate", "quota_exceeded"}
        return set() if code == "quota_exceeded" else {0}
    outcome = _until_answered(lambda: world.many(org, events))
    return set(range(len(events))) - {each.index for each in outcome.refused}


def _until_answered(send: Callable[[], T]) -> T:
    """Send again what was answered with 503, as a host does: on a busy machine a lock may be waited for too long."""
    for _ in range(20):
        try:
            return send()
        except Unavailable:
            continue
    return send()
