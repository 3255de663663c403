"""Late usage (rule 2.7): what is recorded after the close is billed by the terms of its own period, once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.kit.actor import SYSTEM
from app.metering.corrections.void import void_event
from app.web.database import transaction
from tests.billing_runs.test_close import lines, manual, on_pro, run
from tests.scenario import Scenario
from tests.scenario.org import Org


def use(org: Org, count: int, at: datetime) -> None:
    org.uses(count, meter=org.plan.meter, at=f"{at:%Y-%m-%d %H:%M}")


def closed(scenario: Scenario, calls: int) -> tuple[Org, datetime]:
    """A yearly subscriber whose first month is closed; an instant of that month."""
    org = on_pro(scenario, calls, interval="year")
    first = scenario.clock.at
    scenario.later(days=33)
    assert run(scenario, org).errors == {}
    return org, first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "late", "first", "second"),
    [
        (60_000, 500, [10_000], [500]),
        (49_900, 100, [], []),
        (49_900, 300, [], [200]),
        (40_000, 5, [], []),
    ],
)
def test_late_usage_stands_on_the_next_invoice_with_what_it_adds(
    scenario: Scenario, before: int, late: int, first: list[int], second: list[int]
) -> None:
    org, month = closed(scenario, before)
    assert [each["total"] for each in manual(scenario, org)] == first
    use(org, late, month + timedelta(days=3))
    assert run(scenario, org).rated == []
    scenario.later(days=31)
    assert run(scenario, org).errors == {}
    assert sorted(each["total"] for each in manual(scenario, org)) == sorted([*first, *second])
    [line] = [each for each in lines(scenario, org) if each.kind == "late"]
    assert (line.quantity, line.amount) == (late, sum(second))
    assert line.breakdown["counted"] == str(before + late)
    page = org.page("/billing/usage")
    assert "late usage" in page
    assert "The whole period, rounded" in page or not first + second


@pytest.mark.slow
def test_more_late_usage_is_billed_by_what_is_left_of_the_difference(scenario: Scenario) -> None:
    org, month = closed(scenario, 60_000)
    for late in (100, 50):
        use(org, late, month + timedelta(days=3))
        scenario.later(days=31)
        assert run(scenario, org).errors == {}
    found = [(each.quantity, each.amount) for each in lines(scenario, org) if each.kind == "late"]
    assert sorted(found) == [(50, 50), (100, 100)]
    scenario.later(days=31)
    run(scenario, org)
    assert sum(each.amount for each in lines(scenario, org)) == 10_150


@pytest.mark.slow
def test_late_usage_of_an_org_that_left_gets_an_invoice_of_its_own(scenario: Scenario) -> None:
    org = on_pro(scenario, 50_000)
    month = scenario.clock.at
    [running] = scenario.stripe.objects("subscription", customer=org.customer_id)
    scenario.stripe.client().v1.subscriptions.update(running["id"], {"cancel_at_period_end": True})
    scenario.later(days=30)
    scenario.settle()
    scenario.later(hours=2)
    assert run(scenario, org).errors == {}
    use(org, 400, month + timedelta(days=2))
    scenario.later(days=45)
    assert run(scenario, org).errors == {}
    scenario.settle()
    assert [(each["status"], each["total"]) for each in manual(scenario, org)] == [("paid", 400)]


@pytest.mark.slow
def test_a_void_of_a_closed_period_is_taken_off_the_usage_on_the_next_invoice(scenario: Scenario) -> None:
    """$100 were billed, $3 of it are voided: the next month covers $1 of them, $2 are credited on the original."""
    org = on_pro(scenario, 59_700, interval="year")
    use(org, 300, scenario.clock.at)
    events = scenario.client.get("/api/v1/usage/events", headers=org.api("usage:read")).get_json()["events"]
    voided = next(each["id"] for each in events if each["quantity"] == "300")
    scenario.later(days=33)
    assert run(scenario, org).errors == {}
    with transaction() as session:
        assert void_event(session, org.id, voided, "a retry", actor=SYSTEM, now=org.now).closed
    use(org, 50_100, scenario.clock.at)
    scenario.later(days=31)
    assert run(scenario, org).errors == {}
    assert sorted(each.amount for each in lines(scenario, org) if each.kind == "late") == [-200, -100]
    assert [each["total"] for each in manual(scenario, org)] == [10_000]  # nothing is left to charge
    use(org, 50_900, scenario.clock.at)
    scenario.later(days=31)
    assert run(scenario, org).errors == {}
    assert sorted(each["total"] for each in manual(scenario, org)) == [900, 10_000]
    assert [each["total"] for each in scenario.stripe.objects("credit_note")] == [200]
