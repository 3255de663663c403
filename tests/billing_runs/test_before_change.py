"""A change of plan never lowers what the running period already owes (rule 2.6)."""

from __future__ import annotations

from typing import Any

import pytest

from app.kit.actor import SYSTEM
from app.subscriptions import service
from app.web.database import transaction
from tests.billing_runs.test_close import lines, run
from tests.factories import MadePlan, publish_again
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.copy import copy


def move(org: Org, plan: MadePlan) -> None:
    with transaction() as session:
        service.assign_plan(
            session, org.id, plan.version_id, interval="month", currency="USD", actor=SYSTEM, now=org.now
        )


def use(scenario: Scenario, org: Org, count: int, meter: str) -> None:
    org.uses(count, meter=meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")


def amounts(scenario: Scenario, org: Org) -> dict[str, int]:
    """What usage came to, by the kind of its lines."""
    found: dict[str, int] = {}
    for line in lines(scenario, org):
        if line.kind == "fee":
            continue
        found[line.kind] = found.get(line.kind, 0) + line.amount
    return found


@pytest.fixture
def moved(scenario: Scenario, request: pytest.FixtureRequest) -> Any:
    """An org on 100 units and a cent each above, whose plan gets another allowance in mid-period."""
    before, allowance, after = request.param
    scenario.at("2026-12-01 00:00")
    plan = scenario.plan(policy="charge", allowance=100)
    org = scenario.org().on(plan)
    scenario.later(days=3)
    use(scenario, org, before, plan.meter)
    scenario.later(days=3)
    publish_again(scenario.session, plan, allowance=allowance, policy="charge")
    newest = scenario.plan_named(plan.key)
    move(org, newest)
    scenario.later(days=3)
    if after:
        use(scenario, org, after, plan.meter)
    return org, plan


@pytest.mark.parametrize(
    ("moved", "usage", "line"),
    [
        ((300, 1000, 0), 0, 200),
        ((300, 1000, 750), 50, 150),
        ((300, 1000, 2000), 1300, 0),
        ((300, 50, 0), 250, 0),
        ((90, 1000, 0), 0, 0),
    ],
    indirect=["moved"],
)
def test_the_close_adds_what_the_change_would_have_taken(
    scenario: Scenario, moved: tuple[Org, MadePlan], usage: int, line: int
) -> None:
    org, _ = moved
    assert org.reads("/usage/current")["usage_cost"] == usage + line
    assert (copy("dashboard.before_change", extra=f"${line / 100:.2f}") in org.page("/dashboard")) is bool(line)
    scenario.at("2027-01-01 02:00")
    month = next(each for each in org.reads("/usage/history?months=2")["months"] if each["month"] == "2026-12-01")
    assert month["usage_cost"] == [{"currency": "USD", "amount": usage + line}]
    assert run(scenario, org).errors == {}
    found = amounts(scenario, org)
    assert (found["usage"], found.get("before_change", 0)) == (usage, line)
    page = org.page("/billing/usage")
    assert ("Overage before the change of plan" in page) is bool(line)
    assert f"${(usage + line) / 100:.2f}" in page


@pytest.mark.parametrize("moved", [(300, 1000, 750)], indirect=True)
def test_late_usage_works_the_line_out_anew(scenario: Scenario, moved: tuple[Org, MadePlan]) -> None:
    """$0.50 by the terms at the end and $1.50 beside it; 100 late units cost $1.00 and take $1.00 from the line."""
    org, plan = moved
    scenario.at("2027-01-01 02:00")
    run(scenario, org)
    org.uses(100, meter=plan.meter, at="2026-12-20 12:00")
    scenario.at("2027-02-01 02:00")
    assert run(scenario, org).errors == {}
    assert amounts(scenario, org) == {"usage": 50, "before_change": 50, "late": 100}
    org.uses(500, meter=plan.meter, at="2026-12-20 12:00")
    scenario.at("2027-03-01 02:00")
    run(scenario, org)
    assert sum(amounts(scenario, org).values()) == 650


def test_an_override_is_no_change_of_plan(scenario: Scenario) -> None:
    scenario.at("2026-12-01 00:00")
    plan = scenario.plan(policy="charge", allowance=100)
    org = scenario.org().on(plan)
    scenario.later(days=3)
    use(scenario, org, 300, plan.meter)
    org.agrees(f"allowance:{plan.meter}", "1000")
    scenario.at("2027-01-01 02:00")
    assert run(scenario, org).errors == {}
    assert amounts(scenario, org) == {"usage": 0}
