"""/plans and /plans/<key>: the comparison, the buttons' words, the own last period on each plan, and how to get one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from app.portal.plans.view import build_plans_view
from app.statements.plan_context import PlanContext
from tests.pages import text_of
from tests.portal.specimens import OFFERS
from tests.scenario import Scenario
from tests.support.copy import copy


def read(browser: FlaskClient, path: str = "/plans") -> str:
    return text_of(browser.get(path))


def test_a_visitor_compares_plans_in_a_real_table(scenario: Scenario) -> None:
    page = read(scenario.app.test_client())
    table = page[page.index('<table class="table compare"') :]
    assert '<th scope="row">API calls' in table
    assert "50,000" in table
    assert "$0.01 each" in table
    assert "Choose Pro, $49 a month" in page
    assert copy("plans.sign_up") in page


@pytest.mark.parametrize(
    ("query", "words"),
    [("?currency=EUR", "Choose Pro, €46 a month"), ("?currency=JPY", "Choose Pro, ¥7,400 a month"),
     ("?interval=year", "Choose Pro, $490 a year"), ("?currency=XXX&interval=week", "Choose Pro, $49 a month")],
)  # fmt: skip
def test_currency_and_interval_are_chosen_by_link(scenario: Scenario, query: str, words: str) -> None:
    assert words in read(scenario.app.test_client(), f"/plans{query}")


def test_a_year_shows_its_month_too(scenario: Scenario) -> None:
    assert copy("plans.yearly", amount="$40.83") in read(scenario.app.test_client(), "/plans?interval=year")


def test_the_own_plan_is_marked_and_the_larger_one_is_an_upgrade(scenario: Scenario) -> None:
    page = read(scenario.org().uses(5).browser())
    assert "Your plan" in page
    assert "Upgrade, $49 a month" in page


def test_the_smaller_plan_is_a_downgrade(scenario: Scenario) -> None:
    assert "Downgrade to Free" in read(scenario.org().on("pro").uses(5).browser())


def test_a_member_without_the_role_asks(scenario: Scenario) -> None:
    org = scenario.org()
    browser = org.browser("viewer")
    assert "Ask for Pro" in read(browser)
    page = read(browser, "/plans/pro")
    assert copy("plans.role") in page
    assert "mailto:" in page


def test_the_own_months_are_priced_on_each_plan(scenario: Scenario) -> None:
    org = scenario.org().uses(1_500)
    scenario.clock.at += timedelta(days=20)
    replay = read(org.browser()).partition(copy("plans.replay"))[2]
    assert "November 2026" in replay
    assert re.search(r"Free.*?\$0\.00.*?Would refuse API calls in November 2026", replay, re.DOTALL)
    assert re.search(r"November 2026.*?\$49\.00", replay, re.DOTALL)


def test_the_months_looked_at_are_chosen_by_link(scenario: Scenario) -> None:
    page = read(scenario.org().uses(5).browser(), "/plans?months=12")
    assert 'months=12#replay" aria-current="true">12 months' in page
    assert 'months=3#replay">3 months' in page


def test_right_after_an_upgrade_the_new_plan_fits_best(scenario: Scenario) -> None:
    """The running period is empty. That is no reason to go down again."""
    org = scenario.org().uses(900, at="2026-11-10 12:00")
    scenario.clock.at += timedelta(days=20)
    page = read(org.on("pro", since="2026-12-11 10:00").browser())
    card = page[page.index("<h2>Pro</h2>") :]
    assert copy("plans.fits") in card[: card.index("</div>")]
    assert copy("plans.fits") not in page[page.index("<h2>Free</h2>") : page.index("<h2>Pro</h2>")]


def test_overage_is_part_of_what_a_plan_would_have_cost(scenario: Scenario) -> None:
    page = read(scenario.org().on("pro").uses(51_000, at="2026-11-18 00:00").browser())
    assert copy("plans.running") in page
    assert "$295.34" in page  # 74,634 calls are expected: too few days to know more than the pace


def test_a_plan_says_its_money_and_how_to_get_it(scenario: Scenario) -> None:
    page = read(scenario.org().browser(), "/plans/pro?interval=year")
    assert "$490.00 a year, before tax" in page
    assert 'href="/billing/upgrade/pro?interval=year&currency=USD"' in page
    assert copy("plans.free_of_charge") in page


def test_a_downgrade_names_what_would_not_fit(scenario: Scenario) -> None:
    page = read(scenario.org().on("pro").uses(1_200).browser(), "/plans/free")
    assert copy("cancel.unfit", meter="API calls", used="1,200", plan="Free", allowance="1,000") in page


def test_an_unknown_plan_is_not_found(scenario: Scenario) -> None:
    assert scenario.app.test_client().get("/plans/nope").status_code == 404


def test_the_page_asks_the_database_little(scenario: Scenario) -> None:
    org = scenario.org().uses(5)
    for browser, path in ((scenario.app.test_client(), "/plans"), (org.browser(), "/plans"),
                          (org.browser("viewer"), "/plans/pro")):  # fmt: skip
        with scenario.statements() as asked:
            read(browser, path)
        assert len(asked) <= 6, asked


@pytest.mark.parametrize(
    ("fees", "words"),
    [((4900, 49_000), "Yearly, save up to 16 %"), ((1000, 9600), "Yearly, save up to 20 %"),
     ((1000, 12_000), "Yearly"), ((1000, 11_990), "Yearly")],
)  # fmt: skip
def test_the_choice_of_a_year_says_what_it_saves_rounded_down(
    scenario: Scenario, fees: tuple[int, int], words: str
) -> None:
    free, pro, _ = OFFERS
    sold = replace(pro, prices={("USD", "month"): fees[0], ("USD", "year"): fees[1]})
    with scenario.app.app_context():
        view = build_plans_view([free, sold], PlanContext("USD"), ["USD"])
    assert [label for label, _, _ in view.intervals] == ["Monthly", words]


def test_the_comparison_names_the_interval_of_each_price(scenario: Scenario) -> None:
    page = read(scenario.app.test_client(), "/plans?interval=year")
    assert ">$490 a year</span>" in page[page.index('<table class="table compare"') :]


def test_a_plan_without_a_yearly_price_names_its_own_interval_on_the_yearly_page(scenario: Scenario) -> None:
    free, pro, business = OFFERS
    monthly = replace(pro, prices={("USD", "month"): 1900})
    with scenario.app.app_context():
        view = build_plans_view([free, monthly, business], PlanContext("USD", "year", plan="free"), ["USD"])
    [column] = [each for each in view.plans if each.key == "pro"]
    assert (column.price, column.per, column.price_note) == (19, "a month", "Billed monthly only")
    assert column.button_label == "Upgrade, $19 a month"


def test_only_limits_that_hold_are_compared(scenario: Scenario) -> None:
    """What nothing enforces yet is not sold: jobs, files, and how long details are kept."""
    page = read(scenario.app.test_client())
    assert '<th scope="row">API requests a minute' in page
    for name in ("Concurrent jobs", "Maximum file size", "Event details kept for"):
        assert name not in page


def test_the_questions_say_where_usage_begins_after_an_upgrade(scenario: Scenario) -> None:
    assert copy("plans.begins") in read(scenario.app.test_client())
