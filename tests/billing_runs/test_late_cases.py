"""The worked cases of late usage that `/docs/examples` shows: by the close itself, and as the page computes them."""

from __future__ import annotations

import msgspec
import pytest

from app.billing_runs.examples.cases import LateCase, rate_case, read_late_cases
from app.catalog.export import render_charge
from app.invoices.models import FEE
from app.kit.actor import SYSTEM
from app.metering.corrections.void import void_event
from app.web.database import transaction
from tests.billing_runs.test_close import lines, run
from tests.scenario import Scenario
from tests.scenario.org import Org

CASES = read_late_cases()
PERIOD, DAY = "2026-12-01 00:00", "2026-12-20 12:00"


def record(org: Org, meter: str, quantity: str) -> None:
    """An event of the period, or the void of one of that quantity."""
    if not quantity.startswith("-"):
        org.uses(quantity, meter=meter, at=DAY)
        return
    query = "SELECT event_id FROM usage_events WHERE org_id = :org AND quantity = "
    [(event_id,)] = org.rows(query + quantity.removeprefix("-"))
    org.session.rollback()
    with transaction() as session:
        void_event(session, org.id, event_id, "A retry", actor=SYSTEM, now=org.now)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_closes_write_the_lines_of_a_case(scenario: Scenario, case: LateCase) -> None:
    scenario.at(PERIOD)
    priced = {"model": case.charge.model, **case.charge.properties}
    plan = scenario.plan(policy="charge", allowance=int(case.charge.allowance), priced=render_charge(priced))
    org = scenario.org().on(plan)
    scenario.at(DAY)
    for month, close in enumerate(case.closes, 1):
        for quantity in close.events:
            record(org, plan.meter, str(quantity))
        scenario.at(f"2027-{month:02}-01 02:00")
        org.with_period()
        assert run(scenario, org).errors == {}
    december = scenario.clock.at.replace(2026, 12, 1, 0)
    written = [line for line in lines(scenario, org) if line.period_start == december and line.kind != FEE]
    written.sort(key=lambda line: line.written_at)
    assert [line.amount for line in written] == [close.amount for close in case.closes]
    assert [line.kind for line in written] == ["usage", *["late"] * (len(case.closes) - 1)]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_page_computes_the_same_lines(case: LateCase) -> None:
    computed = list(rate_case(case))
    assert [line.amount for line in computed] == [close.amount for close in case.closes]
    assert all(msgspec.json.encode(line.breakdown) for line in computed)
