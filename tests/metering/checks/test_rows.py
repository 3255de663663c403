"""One statement reads what several checks need, whatever their orgs; each gets what it would have got alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from app.metering.checks.check import UsageQuestion, check_limits
from app.metering.checks.rows import CheckInput, load_rows
from tests.metering.world import NOW, World, event

THREADS = 8
ROUNDS = 40


def ask(org_id: UUID, meter: str, quantity: str = "1") -> CheckInput:
    return CheckInput(org_id, NOW, meter, Decimal(quantity))


def test_questions_of_several_orgs_in_one_statement_answer_as_each_alone(world: World) -> None:
    ample, tight = world.org(t_sum={"allowance": 100}), world.org(t_sum={"allowance": 2, "per_day": 1})
    people = world.org(t_people={"allowance": 5}, t_sum={"allowance": 7})
    world.one(ample, event(meter="t_sum", quantity="3"))
    world.one(tight, event(meter="t_sum", quantity="1"))
    asked = [
        ask(ample, "t_sum", "0.5"),
        *(ask(tight, "t_sum"), ask(tight, 'no "such" {meter}, \\'), ask(tight, "t_max", "1e3")),
        *(ask(people, "t_people", "6"), ask(people, "t_sum")),
        ask(uuid4(), "t_sum"),
    ]
    alone = [load_rows(world.pool, [question])[0] for question in asked]
    assert load_rows(world.pool, asked) == alone
    assert [row.used for row in alone] == [3, 1, 0, 0, 0, 0, 0]
    assert alone[1].exceeded_window
    assert alone[2].meter_id is None
    assert not alone[6].resolved


@pytest.mark.parametrize("seed", range(3))
def test_threads_that_check_at_one_moment_each_hear_of_their_own_org(world: World, seed: int) -> None:
    orgs = {world.org(t_sum={"allowance": 1000}): Decimal(seed * 100 + n) for n in range(1, THREADS + 1)}
    for org_id, used in orgs.items():
        world.one(org_id, event(meter="t_sum", quantity=str(used)))

    def ask_often(org_id: UUID) -> set[tuple[Decimal, Decimal | None]]:
        answers = [
            check_limits(world.recorder, org_id, [UsageQuestion("t_sum", Decimal(1))], now=NOW)[0]
            for _ in range(ROUNDS)
        ]
        return {(answer.used, answer.remaining) for answer in answers}

    with ThreadPoolExecutor(THREADS) as threads:
        heard = list(threads.map(ask_often, orgs))
    assert heard == [{(used, 1000 - used)} for used in orgs.values()]
