"""The dashboard in its states: empty, fine, near, high, full, over, and for who may not upgrade."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.pages import text_of
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.copy import copy

HTMX = {"HX-Request": "true", "HX-Target": "bars"}


def read(browser: FlaskClient, path: str = "/dashboard", **headers: str) -> str:
    return text_of(browser.get(path, headers=headers))


def test_an_empty_org_sees_four_steps_and_waits_for_its_first_event(scenario: Scenario) -> None:
    page = read(scenario.org().browser())
    assert copy("state.waiting") in page
    assert page.count('<li class="step') == 4
    assert "curl http://localhost/api/v1/usage/events" in page
    assert "every 3s" in page


def test_the_first_event_turns_its_step_done_in_the_fragment_alone(scenario: Scenario) -> None:
    org = scenario.org()
    org.uses(1, at="2026-11-21 11:59")
    part = read(org.browser(), **HTMX)
    assert "<!doctype" not in part.lower()
    assert copy("dashboard.recorded") in part
    assert copy("state.waiting") not in part


def test_the_checklist_goes_away_a_day_after_the_first_event(scenario: Scenario) -> None:
    assert '<li class="step' not in read(scenario.org().uses(1).browser())


@pytest.mark.parametrize(
    ("calls", "kind", "words"),
    [
        (300, None, copy("state.fine")),
        (800, "near", "API calls: 80 % used"),
        (920, "strong", "API calls: 92 % used"),
        (1000, "full", "API calls: 100 % reached"),
        (1100, "full", "API calls: 110 % used"),
    ],
)
def test_each_state_has_its_prompt(scenario: Scenario, calls: int, kind: str | None, words: str) -> None:
    page = read(scenario.org().uses(calls).browser())
    assert words in page
    shown = re.findall(r'class="prompt is-(\w+)"', page)
    assert shown == ([kind] if kind else [])


def test_a_prompt_names_what_the_next_plan_gives_and_costs_and_leads_there(scenario: Scenario) -> None:
    page = read(scenario.org().uses(950).browser())
    assert "Pro includes 50,000 calls for $49 a month." in page
    assert 'href="/billing/upgrade/pro?interval=month&currency=USD">' in page
    assert "Upgrade to Pro, $49 a month" in page


def test_a_viewer_reads_whom_to_ask_and_gets_no_button(scenario: Scenario) -> None:
    org = scenario.org().uses(950)
    page = read(org.browser("viewer"))
    assert "Ask Ada Example (" in page
    assert "Compare plans" not in page


@pytest.mark.parametrize("role", ["owner", "admin", "billing", "member", "viewer"])
def test_every_role_sees_the_same_figures(scenario: Scenario, role: str) -> None:
    org = scenario.org().uses(437)
    page = read(org.browser(role))
    assert "<strong>437</strong> of 1,000 calls" in page


def test_over_an_allowance_that_bills_the_page_says_what_it_costs(scenario: Scenario) -> None:
    page = read(scenario.org().on("pro").uses(56_000).browser())
    assert copy("state.over_billed", meters="API calls", over="6,000", cost="$60.00") in page
    assert copy("policy.billed_above", price="$0.01") in page
    assert "$109.00" in page
    assert copy("dashboard.cost", fee="$49.00", usage="$60.00") in page


def three_weeks(scenario: Scenario) -> Org:
    """35 calls a day before the period and in it, fewer at weekends."""
    org = scenario.org()
    for day in range(1, 32):
        org.uses(35, at=f"2026-10-{day:02} 09:00")
    for day in range(1, 21):
        org.uses(5 if day % 7 in {0, 1} else 35, at=f"2026-11-{day:02} 09:00")
    return org


def test_the_chart_ends_with_the_figures_of_the_api(scenario: Scenario) -> None:
    org = three_weeks(scenario)
    page = read(org.browser())
    calls = {each["meter"]: each for each in org.reads("/usage/current")["meters"]}["api_calls"]
    numbers = page.partition('<details class="chart-data">')[2].partition("</details>")[0]
    assert numbers.count("<tr>") == 1 + 20 + 1 + 10
    assert f'<td class="num">{calls["used"]}</td>' in numbers
    for edge in ("projected_low", "projected_use", "projected_high"):
        assert f'<td class="num">{calls[edge]}</td>' in numbers
    assert f"Expected by 1 December 2026: about {calls['projected_use']} calls; eight times in ten between" in page
    assert f"About {calls['projected_use']} expected, {calls['projected_low']} to {calls['projected_high']}." in page


def test_a_forecast_costs_no_statement_more(scenario: Scenario) -> None:
    browser = three_weeks(scenario).with_period().browser()
    with scenario.statements() as asked:
        read(browser)
    assert len(asked) <= 5, asked


def test_a_meter_that_runs_out_is_drawn_with_the_hour(scenario: Scenario) -> None:
    page = read(scenario.org().uses(940, at="2026-11-18 00:00").browser())
    said = re.search(r"API calls will run out around (\w{3})\w+( \d\d:00)\.", page)
    assert said is not None
    assert 'class="chart-note is-meeting at-start"' in page or 'class="chart-note is-meeting at-end"' in page
    assert f">{said[1]}{said[2]}</text>" in page


def test_a_new_organisation_has_no_chart(scenario: Scenario) -> None:
    page = read(scenario.org().browser())
    assert 'id="running"' not in page
    assert "<h2>Forecast</h2>" not in page


def test_a_full_org_still_sees_everything(scenario: Scenario) -> None:
    org = scenario.org().uses(1000)
    for path in ("/dashboard", "/usage", "/usage.csv", "/plans"):
        assert org.browser().get(path).status_code == 200


def test_the_fragment_is_contained_in_the_page(scenario: Scenario) -> None:
    org = scenario.org().uses(950)
    answer = org.browser().get("/dashboard", headers=HTMX)
    assert "HX-Request" in answer.headers["Vary"]
    whole = org.browser().get("/dashboard").get_data(as_text=True)
    assert answer.get_data(as_text=True).strip() in whole


def test_a_history_restore_gets_the_whole_page(scenario: Scenario) -> None:
    page = read(scenario.org().uses(1).browser(), **HTMX, **{"HX-History-Restore-Request": "true"})
    assert page.lower().startswith("<!doctype html>")


@pytest.mark.parametrize(("calls", "role"), [(0, "owner"), (300, "owner"), (950, "owner"), (950, "viewer")])
def test_the_dashboard_asks_the_database_little(scenario: Scenario, calls: int, role: str) -> None:
    browser = scenario.org().with_period().uses(calls).browser(role)
    with scenario.statements() as asked:
        read(browser)
    assert len(asked) <= 6, asked


def test_in_an_orgs_first_minute_the_terms_are_resolved_in_memory(scenario: Scenario) -> None:
    browser = scenario.org().browser()
    with scenario.statements() as asked:
        page = read(browser)
    assert len(asked) <= 14, asked
    assert "1,000" in page
    assert not any(statement.lstrip().upper().startswith(("INSERT", "UPDATE")) for statement in asked)


def test_home_is_for_visitors_and_sends_members_on(scenario: Scenario) -> None:
    assert copy("home.headline") in read(scenario.app.test_client(), "/")
    answer = scenario.org().browser().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


def test_a_visitor_signs_in_first(scenario: Scenario) -> None:
    answer = scenario.app.test_client().get("/dashboard")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=/dashboard")


def test_an_open_page_has_one_heading_and_a_title(scenario: Scenario) -> None:
    page = read(scenario.org().uses(10).browser())
    assert page.count("<h1") == 1
    assert "<title>Dashboard" in page


def test_a_meter_keeps_its_name_after_a_change_to_a_plan_without_it(scenario: Scenario) -> None:
    org = scenario.org().uses(7, meter="tokens", at="2026-11-10 09:00")
    org.on(scenario.plan(), since="2026-11-20 00:00")
    for page in (text_of(org.browser().get("/dashboard")), text_of(scenario.staff().get(f"/admin/orgs/{org.id}"))):
        assert 'data-label="Meter">Tokens<' in page
        assert ">tokens<" not in page
