"""Nothing of a trial is billed (rule 2.6): neither use above the allowance, nor a minimum, nor what a change leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.payments.cli import background_gateway
from tests.billing_runs.test_close import invoices, lines, renewals, run
from tests.payments.plan_changes.test_confirm import confirm, quoted
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.roles import BY_HAND

PRO = ("USD", "49.00", "490.00")
CENT = 'model = "per_unit"\nunit_amount = "0.01"'


@pytest.fixture(autouse=True)
def nobody_has_had_one(scenario: Scenario) -> None:
    scenario.session.execute(BY_HAND)
    scenario.session.execute(text("TRUNCATE trial_uses"))
    scenario.session.commit()


def tries(scenario: Scenario, said: str = 'trial_days = 14\ntrial_overage = "charge"', priced: str = CENT) -> Org:
    """An org in the trial of a plan like Pro: $49 with 50,000 calls, a cent each above them."""
    org = scenario.org()
    plan = scenario.plan(policy="charge", allowance=50_000, sold=PRO, priced=priced, said=said)
    with background_gateway():
        org.opens(plan)
        org.pays()
        org.returns()
    scenario.stripe.lose()
    scenario.later(days=1)
    return org


def use(scenario: Scenario, org: Org, calls: int) -> None:
    assert org.plan is not None
    org.uses(calls, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")


def trial_ends(scenario: Scenario, org: Org, **more: float) -> Any:
    """The trial ends, its renewal is held, and an hour later it is closed; Stripe collects, and we hear of it."""
    scenario.at(org.subscription.trial_ends_at + timedelta(hours=2, **more))  # type: ignore[union-attr]
    scenario.settle()
    run(scenario, org)
    scenario.later(hours=1)
    scenario.settle()
    report = run(scenario, org)
    scenario.settle()
    return report


@pytest.mark.slow
def test_use_above_the_allowance_in_the_trial_of_a_charge_plan_is_recorded_and_never_billed(scenario: Scenario) -> None:
    org = tries(scenario)
    use(scenario, org, 60_000)
    assert org.reads("/usage/current")["cost"] == 0
    assert org.reads("/usage/current")["projected_cost"] == 0
    assert trial_ends(scenario, org).errors == {}
    [line] = [line for line in lines(scenario, org) if line.quantity]
    assert (line.quantity, line.amount, line.reason, line.invoice_id) == (60_000, 0, "trial", None)
    [first] = renewals(scenario, org)
    assert (first["status"], first["total"], first["amount_paid"]) == ("paid", 4_900, 4_900)
    assert invoices(scenario, org) == [] or all(invoice.state != "issued" for invoice in invoices(scenario, org))


@pytest.mark.slow
def test_the_first_paid_period_has_its_own_allowance_and_bills_what_is_above_it(scenario: Scenario) -> None:
    org = tries(scenario)
    use(scenario, org, 60_000)
    trial_ends(scenario, org)
    use(scenario, org, 50_000)
    assert org.reads("/usage/current")["usage_cost"] == 0
    use(scenario, org, 100)
    assert org.reads("/usage/current")["usage_cost"] == 100


@pytest.mark.slow
def test_a_trial_owes_no_minimum(scenario: Scenario) -> None:
    org = tries(scenario, priced=f'{CENT}\nminimum = "5.00"')
    use(scenario, org, 60_000)
    assert trial_ends(scenario, org).errors == {}
    assert [line.amount for line in lines(scenario, org)] == [0]
    assert [each["total"] for each in renewals(scenario, org)] == [4_900]


@pytest.mark.slow
def test_a_change_in_the_trial_leaves_nothing_owed_from_before_it(scenario: Scenario) -> None:
    org = tries(scenario)
    use(scenario, org, 60_000)
    larger = scenario.plan(policy="charge", allowance=90_000, sold=("USD", "90.00", "900.00"))
    with background_gateway():
        assert confirm(org, quoted(org, larger)).state == "applied"
    assert trial_ends(scenario, org).errors == {}
    assert {line.kind for line in lines(scenario, org)} == {"usage"}
    assert [each["total"] for each in renewals(scenario, org)] == [9_000]


@pytest.mark.slow
def test_above_its_allowance_a_trial_refuses_unless_the_plan_says_otherwise(scenario: Scenario) -> None:
    org = tries(scenario, said="trial_days = 14")
    assert org.plan is not None
    use(scenario, org, 50_000)
    meter = org.plan.meter
    assert not org.may_use(1, meter)
    assert (org.granted(meter)["policy"], org.granted(meter)["cap"], org.granted(meter)["source"]) == (
        "charge", "50000", "trial",
    )  # fmt: skip
    trial_ends(scenario, org)
    assert org.may_use(60_000, meter)


@pytest.mark.slow
def test_a_late_event_of_the_trial_is_not_billed_either(scenario: Scenario) -> None:
    org = tries(scenario)
    use(scenario, org, 60_000)
    at = f"{scenario.clock.at:%Y-%m-%d %H:%M}"
    trial_ends(scenario, org)
    assert org.plan is not None
    org.uses(500, meter=org.plan.meter, at=at)
    scenario.later(days=32)
    scenario.settle()
    run(scenario, org)
    assert all(line.amount == 0 for line in lines(scenario, org))
