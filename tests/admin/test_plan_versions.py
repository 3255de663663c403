"""Staff's pages and API of plans: versions, who is on which, and how two versions differ."""

from __future__ import annotations

import pytest

from tests import factories
from tests.factories import MadePlan, unique
from tests.pages import text_of
from tests.scenario import Scenario
from tests.scenario.org import Org


@pytest.fixture
def plan(scenario: Scenario) -> MadePlan:
    """A plan of its own with 100 units for 10 dollars a month."""
    return scenario.plan(allowance=100)


def stays(scenario: Scenario, plan: MadePlan, name: str = "Stays") -> Org:
    """An org on the plan's newest version, with its period open."""
    return scenario.org(name=unique(name)).on(plan.key).with_period()


def publish(scenario: Scenario, plan: MadePlan, *, allowance: int = 250) -> None:
    factories.publish_again(scenario.session, plan, allowance=allowance)
    scenario.session.rollback()


def test_versions_are_listed_with_who_is_on_which(scenario: Scenario, plan: MadePlan) -> None:
    first = stays(scenario, plan, "First")
    publish(scenario, plan)
    second, also = stays(scenario, plan, "Second"), stays(scenario, plan, "Also")
    staff = scenario.staff()
    listed = text_of(staff.get("/admin/plans"))
    row = listed[listed.index(plan.key) :].partition("</tr>")[0]
    assert "Version 2" in row
    page = text_of(staff.get(f"/admin/plans/{plan.key}"))
    assert "$10.00 a month (USD)" in page
    assert "$120.00 a year (USD)" in page
    names = {org: org.rows("SELECT name FROM orgs WHERE id = :org")[0][0] for org in (first, second, also)}
    assert all(name in page for name in names.values())
    older = text_of(staff.get(f"/admin/plans/{plan.key}?version=1"))
    assert [names[org] in older for org in (first, second, also)] == [True, False, False]
    answer = scenario.client.get("/api/v1/admin/plans", headers=scenario.api("admin:read")).get_json()
    [told] = [each for each in answer["plans"] if each["key"] == plan.key]
    held = [(each["number"], each["orgs"], each["newest"]) for each in told["versions"]]
    assert held == [(2, 2, True), (1, 1, False)]
    assert told["orgs"] == 3
    assert told["versions"][1]["prices"][0] == {"currency": "USD", "interval": "month", "amount": 1000}


def test_the_difference_names_each_term_with_both_values(scenario: Scenario, plan: MadePlan) -> None:
    publish(scenario, plan)
    page = scenario.staff().get(f"/admin/plans/{plan.key}").text
    assert "Version 2 against version 1" in page
    card = page[page.index('id="difference"') :].partition("</section>")[0]
    for path, before, after in (
        (f"meters.{plan.meter}.allowance", "100", "250"),
        ("prices.USD.month", "10", "12"),
        ("prices.USD.year", "100", "120"),
    ):
        row = card[card.index(path) :].partition("</tr>")[0]
        assert f">{before}<" in row
        assert f">{after}<" in row
    assert "limits.jobs_at_once" not in card
    turned = scenario.staff().get(f"/admin/plans/{plan.key}?version=1&against=2").text
    assert "Version 1 against version 2" in turned


def test_what_a_move_would_change_is_shown_on_real_usage(scenario: Scenario) -> None:
    scenario.at("2026-11-20 12:00")
    plan = scenario.plan(allowance=100, policy="charge")
    org = scenario.org(name=unique("Moved")).on(plan).uses(300, meter=plan.meter)
    name = org.rows("SELECT name FROM orgs WHERE id = :org")[0][0]
    factories.publish_again(scenario.session, plan, allowance=250, policy="charge")
    staff = scenario.staff()
    page = text_of(staff.get(f"/admin/plans/{plan.key}"))
    assert "See what a move would change" in page
    assert 'id="radius"' not in page
    page = text_of(staff.get(f"/admin/plans/{plan.key}?version=2&against=1&effects=1"))
    card = page[page.index('id="radius"') :].partition("</section>")[0]
    assert "Organisations on version 1" in card
    row = card[card.index(name) :].partition("</tr>")[0]
    assert "$12.00 → $12.50" in row
    back = text_of(staff.get(f"/admin/plans/{plan.key}?version=1&against=2"))
    assert "See what a move would change" not in back


def test_a_private_plan_is_marked(scenario: Scenario) -> None:
    made = scenario.plan()
    scenario.session.execute(factories.sa.text("UPDATE plans SET public = false WHERE key = :k"), {"k": made.key})
    scenario.session.commit()
    page = text_of(scenario.staff().get(f"/admin/plans/{made.key}"))
    assert "Private" in page
    answer = scenario.client.get("/api/v1/admin/plans", headers=scenario.api("admin:read")).get_json()
    assert [each["public"] for each in answer["plans"] if each["key"] == made.key] == [False]


def test_nobody_else_finds_them(scenario: Scenario, plan: MadePlan) -> None:
    for path in ("/admin/plans", f"/admin/plans/{plan.key}"):
        assert scenario.org().browser().get(path).status_code == 404
    assert scenario.staff().get("/admin/plans/no_such_plan").status_code == 404
    key = scenario.org().api("usage:read")
    assert scenario.client.get("/api/v1/admin/plans", headers=key).status_code == 403


@pytest.mark.parametrize(("path", "budget"), [("/admin/plans", 4), ("/admin/plans/{plan}", 6)])
def test_each_page_asks_the_database_little(scenario: Scenario, plan: MadePlan, path: str, budget: int) -> None:
    for _ in range(3):
        stays(scenario, plan)
    publish(scenario, plan)
    staff = scenario.staff()
    staff.get(path.format(plan=plan.key))
    with scenario.statements() as asked:
        staff.get(path.format(plan=plan.key))
    assert len(asked) <= budget, asked
