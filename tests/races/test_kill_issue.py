"""kill -9 while rated usage is put on invoices at Stripe and these are finalised: each overage is billed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask

from app.billing_runs.run import run_billing
from app.billing_runs.tasks import close_periods
from app.kit.clock import Clocks
from app.metering.partitions import ensure_partitions
from app.payments.cli import background_gateway
from sandbox.standin.http.app import Exchange
from tests.billing_runs.test_close import GRACE, to_the_end
from tests.billing_runs.test_other_hands import pause, resume
from tests.races.billed import (
    beside,
    billed,
    bills,
    buys,
    mirrored,
    nothing_is_left,
    own,
    pending_items,
    renewals,
    untouched,
)
from tests.races.killer import Killer
from tests.scenario import Org, Scenario
from tests.standin import StandIn
from tests.support.database import own_database
from tests.support.installation import app_on, furnish

OFF = 20
"""Per cent off, of fee and usage."""


@pytest.fixture
def app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """A database of its own: every period in it is this test's."""
    settings = stripe_server.stripe_settings()
    with own_database(server, "unissued") as url, app_on(url, clocks, **settings) as made:
        furnish(made, clocks.business.now())
        yield made


@dataclass
class Cast:
    """Renewal drafts, one of them with a discount on usage; invoices of our own, one of which waits as a draft."""

    scenario: Scenario
    monthly: list[Org]
    yearly: Org
    paused: Org
    owed: Counter[Any] = field(default_factory=Counter)

    @classmethod
    def of(cls, scenario: Scenario) -> Cast:
        monthly = [buys(scenario, "month"), buys(scenario, "month", "discount_usage = true")]
        yearly, paused = buys(scenario, "year"), buys(scenario, "year")
        v1 = scenario.stripe.client().v1
        coupon = v1.coupons.create({"percent_off": OFF, "duration": "forever"})
        [running] = scenario.stripe.objects("subscription", customer=monthly[1].customer_id)
        v1.subscriptions.update(running["id"], {"discounts": [{"coupon": coupon.id}]})
        scenario.settle()
        return cls(scenario, monthly, yearly, paused)

    @property
    def all(self) -> list[Org]:
        return [*self.monthly, self.yearly, self.paused]

    def use(self, above: int) -> None:
        """Each uses more than its allowance: a cent for each unit above it."""
        for place, org in enumerate(self.all):
            units = above + 5 * place
            assert org.plan
            org.uses(50_000 + units, meter=org.plan.meter, at=f"{self.scenario.clock.at:%Y-%m-%d %H:%M}")
            self.owed[org.id] += units

    def check(self, rounds: int) -> None:
        """Each overage stands on one paid invoice, once; there is one invoice a period; all of it is mirrored."""
        for org in self.all:
            assert billed(self.scenario, org) == self.owed[org.id]
            assert mirrored(self.scenario, org)
            assert not [each for each in bills(self.scenario, org) if each["status"] not in {"paid", "draft"}]
        less = billed(self.scenario, self.monthly[1], "tollkeeper_discount")
        assert less == -self.owed[self.monthly[1].id] * OFF / 100
        for org in self.all:
            assert len(renewals(self.scenario, org)) + len(own(self.scenario, org)) == rounds
        for org in self.monthly:
            assert own(self.scenario, org) == []
        assert pending_items(self.scenario) == []
        assert nothing_is_left(self.scenario)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "rounds",
    [pytest.param(1, id="1 round"), pytest.param(20, id="20 rounds", marks=[pytest.mark.long, pytest.mark.alone])],
)
@pytest.mark.slow
def test_what_is_killed_while_it_is_issued_is_billed_once_when_repeated(
    scenario: Scenario, forks: ForkServerContext, rounds: int
) -> None:
    ensure_partitions(back=2, ahead=rounds + 3)
    killer = Killer(scenario, forks, Random(rounds))
    cast = Cast.of(scenario)
    scenario.stripe.lose()
    scenario.later(days=1)
    theirs = beside(scenario, cast.monthly[0])
    for number in range(rounds):
        cast.use(100 * (number + 1))
        one_round(cast, killer)
        cast.check(number + 1)
        assert untouched(scenario, theirs)
    print(f"{rounds} rounds: {dict(killer.met)}")
    assert killer.killed >= 3 * rounds, killer.met


def one_round(cast: Cast, killer: Killer) -> None:
    """Kills while drafts are held, invoices made and filled, and while they are finalised; then runs that end."""
    scenario, chance = cast.scenario, killer.chance
    pause(scenario, cast.paused, "keep_as_draft")
    end = to_the_end(scenario)
    scenario.at(end + timedelta(minutes=6))
    killer.at_a_change("hold", chance.randint(1, 2))
    scenario.at(end + timedelta(minutes=61))
    rate_all(cast)
    late = chance.choice((timedelta(0), timedelta(hours=25)))  # Stripe forgets our keys after a day
    for number, kind in enumerate(chance.sample(("make", "item", "finalise"), 3)):
        killer.at_a_change(kind, 1 if number else chance.randint(1, 2))  # what the first left has one of each, or none
        scenario.at(scenario.clock.at + timedelta(minutes=1) + (late if number == 1 else timedelta(0)))
    run_until_quiet(scenario, scenario.clock.at)
    resume(scenario, cast.paused)
    scenario.later(hours=9)  # drafts that were left are looked after six hours later
    killer.at_a_change("finalise", 1)
    run_until_quiet(scenario, scenario.clock.at)
    scenario.later(days=1)


def rate_all(cast: Cast) -> None:
    """The close itself, without Stripe: what is killed from now on is issuing."""
    asked: list[Exchange] = []
    app = cast.scenario.stripe.app
    assert app
    app.watchers.append(asked.append)
    report = run_billing(None, cast.scenario.clock.at, GRACE)
    app.watchers.remove(asked.append)
    assert (report.errors, report.waiting, asked) == ({}, {}, [])
    assert {key.org_id for key in report.rated} == {org.id for org in cast.all}


def run_until_quiet(scenario: Scenario, start: datetime) -> None:
    for minutes in range(1, 31, 3):
        scenario.at(start + timedelta(minutes=minutes))
        with background_gateway():
            report = close_periods()
        scenario.settle()
        if not (report.waiting or report.errors or report.rated or report.billed):
            break
