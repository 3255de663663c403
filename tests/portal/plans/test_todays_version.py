"""A subscriber sees the version and price of their own subscription everywhere; today's beside it, marked as such."""

from __future__ import annotations

import pytest

from tests import factories
from tests.factories import MadePlan
from tests.pages import text_of
from tests.scenario import Scenario
from tests.scenario.org import Org

TODAY = "Sold today as version 2, at $12.00 a month."


@pytest.fixture
def plan(scenario: Scenario) -> MadePlan:
    """100 units for 10 dollars; since then version 2, with 250 units for 12."""
    scenario.at("2026-11-20 12:00")
    return scenario.plan(allowance=100)


@pytest.fixture
def org(scenario: Scenario, plan: MadePlan) -> Org:
    """It subscribed to version 1."""
    made = scenario.org().on(plan).uses(60, meter=plan.meter)
    factories.publish_again(scenario.session, plan, allowance=250)
    scenario.session.rollback()
    return made


def read(org: Org, path: str) -> str:
    return text_of(org.browser().get(path))


def ask(scenario: Scenario, org: Org, path: str) -> dict[str, object]:
    answer = scenario.client.get(f"/api/v1{path}", headers=org.api("usage:read", "billing:read")).get_json()
    assert isinstance(answer, dict)
    return answer


def own(page: str) -> str:
    """The card of the own plan on /plans."""
    return page[page.index("is-current") :].partition("</li>")[0]


def test_pages_and_api_say_the_own_version_and_todays_beside_it(scenario: Scenario, plan: MadePlan, org: Org) -> None:
    plans, billing = read(org, "/plans"), read(org, "/billing")
    assert "$10" in own(plans)
    assert TODAY in own(plans)
    assert "100 units a month" in own(plans)
    assert "$10.00 a month" in billing
    assert "Version 1" in billing
    assert TODAY in billing
    page = read(org, f"/plans/{plan.key}")
    assert "$10.00 a month" in page
    assert TODAY in page
    receipt = read(org, "/billing/receipt")
    assert f"{plan.key}, version 1" in receipt
    row = receipt[receipt.index("What is different today") :]
    assert "$12.00 a month" in row
    assert "250" in row
    told = ask(scenario, org, "/subscription")
    assert (told["plan"], told["fee"], told["newest_version"]) == (
        {"key": plan.key, "name": plan.key, "version": 1}, 1000, 2,
    )  # fmt: skip
    assert ask(scenario, org, "/limits")["plan"] == {"key": plan.key, "name": plan.key, "version": 1}
    current = ask(scenario, org, "/usage/current")
    assert (current["plan"]["version"], current["plan"]["fee"]) == (1, 1000)  # type: ignore[index]
    assert current["meters"][0]["limit"] == "100"  # type: ignore[index]


def test_once_staff_moved_it_there_is_one_version(scenario: Scenario, plan: MadePlan, org: Org) -> None:
    org.on(plan.key, since="2026-11-20 12:00")
    for path in ("/plans", "/billing", f"/plans/{plan.key}"):
        assert "Sold today" not in read(org, path)
    assert "$12" in own(read(org, "/plans"))
    assert "250 units a month" in own(read(org, "/plans"))
    billing = read(org, "/billing")
    assert "Version 2" in billing
    assert "$12.00 a month" in billing
    assert f"{plan.key}, version 2" in read(org, "/billing/receipt")
    assert "You are on today's version, 2." in read(org, "/billing/receipt")
    told = ask(scenario, org, "/subscription")
    assert (told["plan"]["version"], told["newest_version"], told["fee"]) == (2, 2, 1200)  # type: ignore[index]


def test_others_see_the_newest_alone(scenario: Scenario, plan: MadePlan, org: Org) -> None:
    for page in (read(scenario.org(), "/plans"), text_of(scenario.app.test_client().get("/plans"))):
        assert "Sold today" not in page
    assert "$12.00 a month" in read(scenario.org(), f"/plans/{plan.key}")


def test_who_has_no_subscription_has_the_version_of_the_running_period(scenario: Scenario) -> None:
    """The default plan's next version begins with the next usage period."""
    plan = scenario.default_plan()
    org = scenario.org().with_period()
    page = read(org, "/billing/receipt")
    [(number,)] = org.rows("SELECT number FROM plan_versions WHERE id = plan_in_force(:org, now())")
    assert f", version {number}" in page
    assert ask(scenario, org, "/subscription")["plan"]["key"] == plan.key  # type: ignore[index]
