"""Fault U2 to its end: 60,000 calls on Pro in dollars, yen and dinars, by the year, and what is too little to bill."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from app.payments.cli import background_gateway
from tests.billing_runs.test_close import ends_and_closes, lines, manual, on_pro, renewals, run, to_the_end
from tests.factories import MadePlan
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.today import months_later

PRO = {
    "USD": ("49.00", "490.00", "0.01"),
    "JPY": ("7400", "74000", "1.5"),
    "KWD": ("15.000", "150.000", "0.0033"),
}
"""By the month, the year and a call; dollars and yen as in `catalogs/scan_api.toml`."""


def on_plan(scenario: Scenario, calls: int, currency: str, interval: str = "month") -> Org:
    month, year, unit = PRO[currency]
    plan: MadePlan = scenario.plan(
        policy="charge", allowance=50_000, sold=(currency, month, year),
        priced=f'model = "per_unit"\nunit_amount = "{unit}"',
    )  # fmt: skip
    org = scenario.org()
    with background_gateway():
        opened = org.opens(plan, interval, currency)
        org.pays(opened)
        org.returns(opened)
    scenario.stripe.lose()
    scenario.later(days=1)
    return org.uses(calls, meter=plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")


@pytest.mark.slow
def test_in_dollars_the_renewal_is_149(scenario: Scenario) -> None:
    org = on_plan(scenario, 60_000, "USD")
    assert ends_and_closes(scenario, org).errors == {}
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"], renewal["amount_paid"]) == ("paid", 14_900, 14_900)


@pytest.mark.slow
def test_in_yen_it_is_22_400(scenario: Scenario) -> None:
    """7,400 yen and 10,000 calls at 1.5: a yen has no smaller unit."""
    org = on_plan(scenario, 60_000, "JPY")
    assert ends_and_closes(scenario, org).errors == {}
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["currency"], renewal["total"]) == ("paid", "jpy", 22_400)
    [line] = [line for line in lines(scenario, org) if line.amount]
    assert (line.amount, line.currency) == (15_000, "JPY")


@pytest.mark.slow
def test_half_a_yen_is_rounded_at_the_line(scenario: Scenario) -> None:
    org = on_plan(scenario, 50_001, "JPY")
    assert ends_and_closes(scenario, org).errors == {}
    [line] = [line for line in lines(scenario, org) if line.amount]
    assert (line.exact_amount, line.amount) == (Decimal("1.5"), 2)


@pytest.mark.slow
def test_in_dinars_of_three_decimals_a_line_is_rounded_to_ten_fils(scenario: Scenario) -> None:
    """10,001 calls at 0.0033 dinars are 33.0033: 33.000 is charged, beside 15.000."""
    org = on_plan(scenario, 60_001, "KWD")
    assert ends_and_closes(scenario, org).errors == {}
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["currency"], renewal["total"]) == ("paid", "kwd", 48_000)
    [line] = [line for line in lines(scenario, org) if line.amount]
    assert (line.exact_amount, line.amount) == (Decimal("33003.3"), 33_000)


@pytest.mark.slow
def test_thirty_cents_of_a_month_of_a_year_go_on_the_next_renewal(scenario: Scenario) -> None:
    """Used in the last month but one; the last has no usage. The renewal: a year at $100.00, and 30 cents."""
    org = on_pro(scenario, 0, interval="year")
    scenario.at(months_later(10) + timedelta(days=1))
    assert org.plan is not None
    org.uses(50_030, meter=org.plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    scenario.at(months_later(11) + timedelta(hours=2))
    assert run(scenario, org).errors == {}
    [waiting] = [line for line in lines(scenario, org) if line.amount]
    assert (waiting.amount, waiting.invoice_id, manual(scenario, org)) == (30, None, [])
    to_the_end(scenario)
    run(scenario, org)
    scenario.later(hours=1)
    scenario.settle()
    assert run(scenario, org).errors == {}
    scenario.settle()
    [renewal] = renewals(scenario, org)
    assert (renewal["status"], renewal["total"], manual(scenario, org)) == ("paid", 10_030, [])
