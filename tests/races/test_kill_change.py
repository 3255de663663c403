"""kill -9 between every two steps of a change of plan, while another is planned: one effect, one charge, one email.

Stripe has done its part of the call, or not, when the process dies; the sweep that mends it is killed as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random

import pytest
from flask import Flask

from app.kit.clock import Clocks
from app.payments.cli import background_gateway
from app.payments.errors import QuoteExpired
from app.payments.plan_changes.make_quote import QuotedChange
from app.payments.plan_changes.quote import sign_quote
from app.web.runtime import runtime
from tests.factories import MadePlan
from tests.payments.plan_changes.test_confirm import changes, charges, confirm, push, quoted, resolve
from tests.payments.plan_changes.test_emails import kinds
from tests.payments.plan_changes.test_planned import outcomes, plan
from tests.races.changer import press_once, sweep_once
from tests.races.killer import Killer
from tests.scenario import Org, Scenario
from tests.standin import StandIn
from tests.support.database import own_database
from tests.support.installation import app_on, furnish


@pytest.fixture
def app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """A database of its own: every payment in it is this test's."""
    settings = stripe_server.stripe_settings()
    with own_database(server, "unchanged") as url, app_on(url, clocks, **settings) as made:
        furnish(made, clocks.business.now())
        yield made


CALLS = 9
"""How many calls to Stripe a press makes: the previews, the release, the change, what is read after them."""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "rounds",
    [pytest.param([7], id="1 round"), pytest.param(range(20), id="20 rounds", marks=[pytest.mark.long])],
)
@pytest.mark.slow
def test_a_change_killed_between_any_two_steps_has_one_effect(
    scenario: Scenario, forks: ForkServerContext, rounds: list[int]
) -> None:
    killer = Killer(scenario, forks, Random(len(rounds)))
    plans = [scenario.plan(sold=("USD", price, f"{price}0")) for price in ("10.00", "4.00", "40.00")]
    for number in rounds:
        one_round(scenario, killer, plans, number)
    print(f"{len(rounds)} rounds: {dict(killer.met)}")
    assert killer.killed >= len(rounds), killer.met


def one_round(scenario: Scenario, killer: Killer, plans: list[MadePlan], number: int) -> None:
    """An org of its own; a press that is killed, a sweep that is killed, then a sweep and presses that are not."""
    own, lower, dearer = plans
    org = scenario.org().paying(own)
    push(org, lower)
    scenario.later(days=15)
    plan(org, lower)
    change = quoted(org, dearer)
    signed = sign_quote(change.quote, runtime().settings.secret_key)
    scenario.session.rollback()
    killer.task, killer.given = press_once, (org.id, signed)
    killer.after(number % CALLS + 1, killer.chance.choice((0, 0, 0.005, 0.02, 0.05)))
    scenario.later(minutes=3)
    killer.task, killer.given = sweep_once, ()
    killer.after(killer.chance.randint(1, 4), 0)
    scenario.later(minutes=3)
    resolve()
    scenario.settle()
    scenario.later(minutes=3)
    resolve()
    press_until_made(org, dearer, change)
    scenario.settle()
    resolve()
    check(scenario, org, dearer, number)


def press_until_made(org: Org, dearer: MadePlan, change: QuotedChange) -> None:
    """The customer presses again, on the page before; if that quote is over, on a new one."""
    with background_gateway():
        try:
            result = confirm(org, change)
        except QuoteExpired:
            assert outcomes(org) == [None], "what was planned stands"
            result = confirm(org, quoted(org, dearer))
    assert result.state == "applied"


def check(scenario: Scenario, org: Org, dearer: MadePlan, number: int) -> None:
    assert org.plan_version == dearer.version_id, number
    first, *more = charges(scenario, org)
    assert (first, len(more)) == (1000, 1), number
    assert [each.state for each in changes(scenario, org)].count("applied") == 1, number
    assert [each.state for each in org.records if each.state != "failed"] == ["completed", "completed"], number
    assert outcomes(org) == ["replaced"], number
    theirs = scenario.stripe.objects("subscription", customer=org.customer_id)
    assert [(each["status"], each["schedule"], each["pending_update"]) for each in theirs] == [("active", None, None)]
    assert kinds(org) == ["change_planned", "plan_changed"], number
