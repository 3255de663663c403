"""What runs inside the other processes of a race: plain functions, so that they can be sent there."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID

from app.kit.pool import HotPool
from tests.metering.world import World, event

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
        if len(quantities) == 1:
            code = world.one(org, event(quantity=str(quantities[0]))).code
            kept = [] if code == "quota_exceeded" else [0]
            assert code in {"recorded", "quota_exceeded"}
        else:
            outcome = world.many(org, [event(quantity=str(each)) for each in quantities])
            lost = {each.index for each in outcome.refused}
            kept = [index for index in range(len(quantities)) if index not in lost]
        admitted += sum((quantities[index] for index in kept), Decimal(0))
        refused += [each for index, each in enumerate(quantities) if index not in kept]
    return admitted, refused
