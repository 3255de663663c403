"""Staff check a draft of a plan and publish it: page and API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text as sql_text

from app.catalog import queries as catalog
from app.catalog.export import export_plan
from tests.factories import MadePlan, unique
from tests.pages import send, text_of
from tests.scenario import Scenario
from tests.scenario.org import Org

DRAFT, PUBLISH = "/admin/plan-draft", "/admin/plan-draft/publish"


@pytest.fixture
def plan(scenario: Scenario) -> MadePlan:
    """100 units for 10 dollars, a cent each above."""
    scenario.at("2026-11-20 12:00")
    return scenario.plan(allowance=100, policy="charge")


@pytest.fixture
def org(scenario: Scenario, plan: MadePlan) -> Org:
    """It used 300 of them."""
    return scenario.org(name=unique("Drafted")).on(plan).uses(300, meter=plan.meter)


def export(scenario: Scenario, plan: MadePlan) -> str:
    scenario.session.rollback()
    version = catalog.find_newest_version(scenario.session, plan.key)
    assert version is not None
    text = export_plan(scenario.session, version)
    scenario.session.rollback()
    return text


def dearer(scenario: Scenario, plan: MadePlan, amount: str = "12") -> str:
    return export(scenario, plan).replace('month = "10"', f'month = "{amount}"')


def check(staff: FlaskClient, plan: MadePlan, text: str) -> Any:
    return send(staff, DRAFT, f"{DRAFT}?plan={plan.key}", toml=text.replace("\n", "\r\n"))


def publish(staff: FlaskClient, plan: MadePlan, text: str, after: int) -> Any:
    return send(staff, PUBLISH, f"{DRAFT}?plan={plan.key}", toml=text.replace("\n", "\r\n"), after=str(after))


def newest(scenario: Scenario, plan: MadePlan) -> int:
    scenario.session.rollback()
    version = catalog.find_newest_version(scenario.session, plan.key)
    assert version is not None
    number = version.number
    scenario.session.rollback()
    return number


def entries(scenario: Scenario, plan: MadePlan) -> list[str]:
    query = "SELECT actor_kind FROM audit_entries WHERE action = 'catalog.version_published' AND after ->> 'plan' = :k"
    found = list(scenario.session.scalars(sql_text(query), {"k": plan.key}))
    scenario.session.rollback()
    return found


def test_the_page_opens_with_the_newest_version(scenario: Scenario, plan: MadePlan) -> None:
    page = scenario.staff().get(f"{DRAFT}?plan={plan.key}").text
    assert f"[plans.{plan.key}]" in page
    assert "Publish version" not in page
    assert scenario.staff().get(DRAFT).status_code == 200


def test_a_check_shows_difference_and_blast_radius_and_changes_nothing(
    scenario: Scenario, plan: MadePlan, org: Org
) -> None:
    name = org.rows("SELECT name FROM orgs WHERE id = :org")[0][0]
    answer = check(scenario.staff(), plan, dearer(scenario, plan))
    page = text_of(answer)
    assert answer.status_code == 200
    row = page[page.index("prices.USD.month") :].partition("</tr>")[0]
    assert ">10<" in row
    assert ">12<" in row
    row = page[page.index(name) :].partition("</tr>")[0]
    assert "$12.00 → $14.00" in row
    assert "Publish version 2" in page
    assert "subscribers stay on their version" in page
    assert newest(scenario, plan) == 1
    assert entries(scenario, plan) == []


def test_publishing_makes_a_version_moves_nobody_and_is_audited_as_staffs(
    scenario: Scenario, plan: MadePlan, org: Org
) -> None:
    staff, text = scenario.staff(), dearer(scenario, plan)
    answer = publish(staff, plan, text, after=1)
    assert (answer.status_code, newest(scenario, plan)) == (303, 2)
    assert publish(staff, plan, text, after=1).status_code == 303
    assert newest(scenario, plan) == 2
    assert entries(scenario, plan) == ["staff"]
    [(number,)] = org.rows(
        "SELECT v.number FROM subscriptions s JOIN plan_versions v ON v.id = s.plan_version_id WHERE s.org_id = :org"
    )
    assert number == 1


def test_what_was_checked_against_an_older_version_is_checked_again(scenario: Scenario, plan: MadePlan) -> None:
    staff, mine = scenario.staff(), dearer(scenario, plan, "14")
    publish(staff, plan, dearer(scenario, plan), after=1)
    answer = publish(staff, plan, mine, after=1)
    page = text_of(answer, 409)
    assert answer.status_code == 409
    assert "Version 2 of this plan was published since the draft was checked" in page
    assert "Publish version 3" in page
    assert newest(scenario, plan) == 2


def test_mistakes_are_named_with_line_and_key(scenario: Scenario, plan: MadePlan) -> None:
    wrong = export(scenario, plan).replace("policy =", "policey =")
    staff = scenario.staff()
    for answer in (check(staff, plan, wrong), publish(staff, plan, wrong, after=1)):
        assert answer.status_code == 422
        assert re.search(rf"Line \d+, plans.{plan.key}.meters.{plan.meter}.policey: unknown key", text_of(answer, 422))
    assert check(staff, plan, "").status_code == 422


def test_a_draft_that_changes_nothing_offers_no_press(scenario: Scenario, plan: MadePlan) -> None:
    page = text_of(check(scenario.staff(), plan, export(scenario, plan)))
    assert "Nothing would change" in page
    assert 'value="1"' not in page
    described = export(scenario, plan).replace('summary = "A plan."', 'summary = "A better plan."')
    page = text_of(check(scenario.staff(), plan, described))
    assert "Save the description" in page
    assert "A better plan." in page


def test_the_api_checks_and_publishes_the_same(scenario: Scenario, plan: MadePlan, org: Org) -> None:
    text, read, write = dearer(scenario, plan), scenario.api("admin:read"), scenario.api("admin:write")
    client = scenario.client
    checked = client.post("/api/v1/admin/plans", json={"toml": text}, headers=read).get_json()
    assert (checked["plan"], checked["newest_version"], checked["version"]) == (plan.key, 1, 2)
    assert checked["terms"] == [{"path": "prices.USD.month", "before": "10", "after": "12"}]
    [effect] = checked["radius"]["largest"]
    assert (effect["org_id"], effect["running"]) == (str(org.id), {"before": 1200, "after": 1400})
    path = f"/api/v1/admin/plans/{plan.key}/publish"
    sent = {"toml": text, "newest_version": 1}
    assert client.post(path, json=sent, headers=read).status_code == 403
    answers = [client.post(path, json=sent, headers=write) for _ in range(2)]
    assert [each.get_json() for each in answers] == [{"plan": plan.key, "version": 2}] * 2
    stale = client.post(path, json={**sent, "toml": text.replace('"12"', '"13"')}, headers=write)
    assert (stale.status_code, stale.get_json()["code"]) == (409, "conflict")
    other = client.post("/api/v1/admin/plans/other/publish", json=sent, headers=write)
    assert other.status_code == 400
    wrong = client.post("/api/v1/admin/plans", json={"toml": text.replace("policy", "policey")}, headers=read)
    assert wrong.status_code == 400
    assert "policey" in wrong.get_json()["errors"][0]["detail"]


def test_the_prices_of_what_was_published_go_to_stripe(scenario: Scenario, plan: MadePlan) -> None:
    count = sql_text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'payments.push_prices'")
    before = scenario.session.scalar(count)
    scenario.session.rollback()
    publish(scenario.staff(), plan, dearer(scenario, plan), after=1)
    assert scenario.session.scalar(count) == before + 1


def test_nobody_else_finds_it(scenario: Scenario, plan: MadePlan) -> None:
    assert scenario.org().browser().get(DRAFT).status_code == 404
