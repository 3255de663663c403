"""kill -9 in the middle of the close and of billing at Stripe: whatever is killed when, each overage is billed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.billing_runs.models import PeriodClose
from app.billing_runs.tasks import close_periods
from app.invoices.models import Invoice, InvoiceLine
from app.kit.clock import Clocks
from app.metering.partitions import ensure_partitions
from app.payments.cli import background_gateway
from sandbox.standin.http.app import Exchange
from tests.billing_runs.test_close import to_the_end
from tests.races import closer
from tests.scenario import Org, Scenario
from tests.standin import StandIn
from tests.support.database import own_database
from tests.support.installation import app_on, furnish

FEE = 1_000
LIKELY_CALLS = 24
"""About as many calls as a run makes."""


@pytest.fixture(scope="module")
def app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """A database of its own: every period in it is this test's."""
    settings = stripe_server.stripe_settings()
    with own_database(server, "killed") as url, app_on(url, clocks, **settings) as made:
        furnish(made, clocks.business.now())
        yield made


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    """Clean processes, forked from one that has imported the app."""
    context = get_context("forkserver")
    context.set_forkserver_preload([closer.__name__])
    return context


@dataclass
class Killer:
    """Runs the close in a process and kills it after some calls to Stripe, or some time; counts what it hit."""

    scenario: Scenario
    forks: ForkServerContext
    chance: Random
    met: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """One run that may not end."""
        settings = self.scenario.app.extensions["tollkeeper"].settings
        given = (settings.database_url, self.scenario.stripe.stripe_settings(), self.scenario.clock.at)
        child = self.forks.Process(target=closer.close_once, args=given)
        left = self.chance.randint(1, LIKELY_CALLS) if self.chance.random() < 0.7 else 10_000

        def watch(_: Exchange) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                child.kill()

        watchers = self.scenario.stripe.app.watchers if self.scenario.stripe.app else []
        watchers.append(watch)
        child.start()
        child.join(60 if left < 10_000 else self.chance.uniform(0.3, 2))
        child.kill()
        child.join(10)
        watchers.remove(watch)
        self.met["killed" if child.exitcode == -9 else f"ended with {child.exitcode}"] += 1


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "rounds",
    [pytest.param(2, id="2 rounds"), pytest.param(20, id="20 rounds", marks=[pytest.mark.long, pytest.mark.alone])],
)
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
    assert killer.met["killed"] >= rounds


def buys(scenario: Scenario, interval: str) -> Org:
    """An org that bought a plan with 50,000 units, a cent each above that."""
    org, plan = scenario.org(), scenario.plan(policy="charge", allowance=50_000)
    with background_gateway():
        opened = org.opens(plan, interval)
        org.pays(opened)
        org.returns(opened)
    return org


def one_round(scenario: Scenario, killer: Killer) -> None:
    """A boundary, with kills at it, when we ask for the drafts, and at the close; then runs that end."""
    end = to_the_end(scenario)
    for minutes in (0, 6, 61, 62):
        scenario.at(end + timedelta(minutes=minutes))
        scenario.settle()
        if minutes > 60 or killer.chance.random() < 0.4:
            killer.run()
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


def beside(scenario: Scenario, org: Org) -> str:
    """A draft that somebody made in the dashboard."""
    v1 = scenario.stripe.client().v1
    made = v1.invoices.create({"customer": org.customer_id, "auto_advance": False})
    v1.invoice_items.create({"customer": org.customer_id, "invoice": made.id, "amount": 777, "currency": "usd"})
    return str(made.id)


def untouched(scenario: Scenario, draft: str) -> bool:
    found = scenario.stripe.client().v1.invoices.retrieve(draft)
    return (found.status, found.total, found.auto_advance) == ("draft", 777, False)


def bills(scenario: Scenario, org: Org) -> list[dict[str, Any]]:
    return scenario.stripe.objects("invoice", customer=org.customer_id)


def renewals(scenario: Scenario, org: Org) -> list[dict[str, Any]]:
    return [each for each in bills(scenario, org) if each["billing_reason"] == "subscription_cycle"]


def billed(scenario: Scenario, org: Org) -> int:
    """What stands on paid invoices for usage; each of our lines once."""
    found = [
        line
        for each in bills(scenario, org)
        if each["status"] == "paid"
        for line in each["lines"]["data"]
        if "tollkeeper_line" in line["metadata"]
    ]
    assert max(Counter(line["metadata"]["tollkeeper_line"] for line in found).values(), default=1) == 1
    return sum(line["amount"] for line in found)


def nothing_is_left(scenario: Scenario) -> bool:
    """Every close is done, every invoice is final, no line waits."""
    scenario.session.rollback()
    open_ends = (
        select(PeriodClose.org_id).where(PeriodClose.billed_at.is_(None)),
        select(Invoice.org_id).where(Invoice.state == "draft"),
        select(InvoiceLine.org_id).where(InvoiceLine.amount != 0, InvoiceLine.stripe_item_id.is_(None)),
    )
    return not any(scenario.session.execute(asked).first() for asked in open_ends)
