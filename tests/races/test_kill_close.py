"""kill -9 in the middle of the close and of billing at Stripe: whatever is killed when, each overage is billed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask

from app.billing_runs.tasks import close_periods
from app.kit.clock import Clocks
from app.metering.partitions import ensure_partitions
from app.payments.cli import background_gateway
from tests.billing_runs.test_close import to_the_end
from tests.races.billed import beside, billed, bills, buys, nothing_is_left, renewals, untouched
from tests.races.killer import Killer
from tests.scenario import Scenario
from tests.standin import StandIn
from tests.support.database import own_database
from tests.support.installation import app_on, furnish

LIKELY_CALLS = 24
"""About as many calls as a run makes."""


@pytest.fixture(scope="module")
def app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """A database of its own: every period in it is this test's."""
    settings = stripe_server.stripe_settings()
    with own_database(server, "killed") as url, app_on(url, clocks, **settings) as made:
        furnish(made, clocks.business.now())
        yield made


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "rounds",
    [pytest.param(2, id="2 rounds"), pytest.param(20, id="20 rounds", marks=[pytest.mark.long, pytest.mark.alone])],
)
@pytest.mark.slow
def test_what_is_killed_in_the_close_is_billed_once_when_repeated(
    scenario: Scenario, forks: ForkServerContext, rounds: int
) -> None:
    ensure_partitions(back=2, ahead=rounds + 3)
    killer = Killer(scenario, forks, Random(rounds))
    monthly, yearly = [buys(scenario, "month") for _ in range(4)], buys(scenario, "year")
    scenario.stripe.lose()
    scenario.later(days=1)
    theirs = beside(scenario, monthly[0])
    owed: Counter[Any] = Counter()
    for number in range(rounds):
        for place, org in enumerate([*monthly[:3], yearly]):
            above = 100 * (number + 1) + place
            assert org.plan
            org.uses(50_000 + above, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
            owed[org.id] += above
        one_round(scenario, killer)
        for org in (*monthly, yearly):
            assert billed(scenario, org) == owed[org.id], (number, killer.met)
            assert not [each for each in bills(scenario, org) if each["status"] not in {"paid", "draft"}]
        for org in monthly:
            assert [each["status"] for each in renewals(scenario, org)] == ["paid"] * (number + 1)
        assert nothing_is_left(scenario), (number, killer.met)
        assert untouched(scenario, theirs)
    print(f"{rounds} rounds: {dict(killer.met)}")
    assert killer.killed >= rounds


def one_round(scenario: Scenario, killer: Killer) -> None:
    """A boundary, with kills at it, when we ask for the drafts, and at the close; then runs that end."""
    end = to_the_end(scenario)
    for minutes in (0, 6, 61, 62):
        scenario.at(end + timedelta(minutes=minutes))
        scenario.settle()
        if minutes > 60 or killer.chance.random() < 0.4:
            killer.after_calls(LIKELY_CALLS)
    for minutes in range(63, 90, 3):
        scenario.at(end + timedelta(minutes=minutes))
        with background_gateway():
            report = close_periods()
        scenario.settle()
        if not (report.waiting or report.errors or report.rated or report.billed):
            break
    scenario.at(end + timedelta(hours=9))  # drafts that a killed run left are looked after six hours later
    with background_gateway():
        close_periods()
    scenario.settle()
    scenario.later(days=1)
