"""Whatever the order in which events arrive, where we end is where Stripe ended."""

from __future__ import annotations

from random import Random

import pytest

from tests.payments.lifecycle import Picture, live
from tests.scenario import Scenario
from tests.today import NOON

SEEDS = [
    pytest.param(0, id="seed 0"),
    *(pytest.param(seed, id=f"seed {seed}", marks=pytest.mark.long) for seed in range(1, 200)),
]
_ordered: list[Picture] = []


def ordered(scenario: Scenario) -> Picture:
    """The life in order, each event once and at once; lived the first time that it is asked for."""
    if not _ordered:
        _ordered.append(live(scenario, None))
        scenario.clock.at = NOON
        scenario.stripe.verify()
        scenario.stripe.reset(scenario.clock, NOON.timestamp)
    return _ordered[0]


@pytest.mark.slow
def test_the_life_in_order_ends_on_the_free_plan_with_three_payments(scenario: Scenario) -> None:
    end = ordered(scenario)
    assert end["inbox"] == ["applied"]
    assert [(each["state"], each["reason"], each["amount"]) for each in end["records"]] == [
        ("completed", "subscription_start", 1000),
        ("completed", "subscription_renewal", 1000),
        ("completed", "subscription_renewal", 1000),
    ]
    assert [(each["status"], each["ended_at"] is not None) for each in end["subscription"]] == [("canceled", True)]
    assert [plan for _, plan in end["terms"]][-2:] == ["bought", "free"]
    assert (end["checkouts"], end["running dunnings"]) == (["completed"], [])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_events_twice_late_and_in_any_order_end_where_the_ordered_ones_end(scenario: Scenario, seed: int) -> None:
    print("seed", seed)
    expected = ordered(scenario)
    found = live(scenario, Random(seed))
    for part in expected:
        assert found[part] == expected[part], part
