"""kill -9 among 32 finalisations at once: the numbers of our own invoices have no gap, and nobody is billed twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app.billing_runs.run import run_billing
from app.invoices.models import Invoice, NumberSeries
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.settle import void_invoice
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.subscriptions.tasks import open_periods
from app.web.database import transaction
from tests.races import issuer
from tests.scenario import Scenario
from tests.support.database import own_database
from tests.support.installation import app_on, furnish

ORGS, PROCESSES = 32, 4


@pytest.fixture(scope="module")
def app(server: Path, clocks: Clocks) -> Iterator[Flask]:
    """A database of its own: every number in it is this test's."""
    with own_database(server, "numbered") as url, app_on(url, clocks) as made:
        furnish(made, clocks.business.now())
        yield made


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    """Clean processes, forked from one that has imported the app."""
    context = get_context("forkserver")
    context.set_forkserver_preload([issuer.__name__])
    return context


@dataclass
class Killer:
    """Lets processes issue what is due and kills all but one of them once some invoices are there."""

    scenario: Scenario
    forks: ForkServerContext
    chance: Random
    orgs: list[UUID]
    met: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """32 threads in four processes at once; what is left is issued here afterwards."""
        url, now = self.scenario.app.extensions["tollkeeper"].settings.database_url, self.scenario.clock.at
        ready = self.forks.Barrier(PROCESSES + 1)
        children = [
            self.forks.Process(target=issuer.issue_all, args=(url, now, self.orgs, self.chance.random(), ready))
            for _ in range(PROCESSES)
        ]
        before = self.issued()
        for child in children:
            child.start()
        ready.wait(60)
        for child in children[1:]:
            enough = before + self.chance.randint(1, ORGS - 2)
            while child.is_alive() and self.issued() < enough:
                child.join(0.005)
            child.kill()
        for child in children:
            child.join(60)
            self.met["killed" if child.exitcode == -9 else f"ended with {child.exitcode}"] += 1

    def issued(self) -> int:
        self.scenario.session.rollback()
        return self.scenario.session.scalar(select(func.count()).select_from(IssuedInvoice)) or 0


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "rounds",
    [pytest.param(1, id="1 round"), pytest.param(20, id="20 rounds", marks=[pytest.mark.long, pytest.mark.alone])],
)
@pytest.mark.slow
def test_the_numbers_have_no_gap_whatever_is_killed(scenario: Scenario, forks: ForkServerContext, rounds: int) -> None:
    scenario.at("2026-11-21 12:00")
    plan = scenario.plan()
    orgs = [scenario.org().on(plan).id for _ in range(ORGS)]
    killer, voided = Killer(scenario, forks, Random(rounds), orgs), 0
    number = 0
    while number < rounds or (killer.met["killed"] < rounds and number < rounds + 9):  # who has ended is not killed
        scenario.at(f"{2026 + (10 + number) // 12}-{(10 + number) % 12 + 1:02}-21 13:00")
        open_periods()
        killer.run()
        for org_id in orgs:
            assert run_billing(None, scenario.clock.at, issuer.GRACE, org_id).errors == {}
        voided += void_one(scenario, killer.chance)
        check(scenario)
        fees = Counter(scenario.session.execute(text("SELECT org_id FROM invoice_lines WHERE kind = 'fee'")).scalars())
        number += 1
        assert fees == Counter(dict.fromkeys(orgs, number)), killer.met
    found = Counter(scenario.session.scalars(select(IssuedInvoice.state)))
    assert (found["void"], set(found) - {"void", "open"}) == (voided, set())
    print(f"{rounds} rounds: {dict(killer.met)}")
    assert killer.met["killed"] >= rounds


def void_one(scenario: Scenario, chance: Random) -> int:
    """Staff void one: its number stays, and its lines wait."""
    scenario.session.rollback()
    ids = scenario.session.scalars(select(IssuedInvoice.invoice_id).where(IssuedInvoice.state == "open")).all()
    scenario.session.rollback()
    with transaction() as session:
        return void_invoice(session, chance.choice(ids), "Wrong address", actor=SYSTEM, now=scenario.clock.at)


def check(scenario: Scenario) -> None:
    """Each series is counted through to its last number; no draft is left, and no number without an invoice."""
    scenario.session.rollback()
    assert scenario.session.scalars(select(Invoice.id).where(Invoice.state != "final")).all() == []
    for series in scenario.session.scalars(select(NumberSeries)):
        taken = select(IssuedInvoice.ordinal).where(IssuedInvoice.series == series.series)
        assert sorted(scenario.session.scalars(taken)) == list(range(1, series.last + 1)), series.series
