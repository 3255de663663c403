"""/plans and /plans/<key>: the comparison, the buttons' words, the own last period on each plan, and how to get one."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.portal.stage import Stage, text_of


def read(browser: FlaskClient, path: str = "/plans") -> str:
    return text_of(browser.get(path))


def test_a_visitor_compares_plans_in_a_real_table(stage: Stage) -> None:
    page = read(stage.app.test_client())
    table = page[page.index('<table class="table compare"') :]
    assert '<th scope="row">API calls' in table
    assert "50,000" in table
    assert "$0.01 each" in table
    assert "10 MB" in table
    assert "Choose Pro, $49 a month" in page
    assert "Create an account" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [("?currency=EUR", "Choose Pro, €46 a month"), ("?currency=JPY", "Choose Pro, ¥7,400 a month"),
     ("?interval=year", "Choose Pro, $490 a year"), ("?currency=XXX&interval=week", "Choose Pro, $49 a month")],
)  # fmt: skip
def test_currency_and_interval_are_chosen_by_link(stage: Stage, query: str, words: str) -> None:
    assert words in read(stage.app.test_client(), f"/plans{query}")


def test_a_year_shows_its_month_too(stage: Stage) -> None:
    assert "$40.83 a month, paid by the year" in read(stage.app.test_client(), "/plans?interval=year")


def test_the_own_plan_is_marked_and_the_larger_one_is_an_upgrade(stage: Stage) -> None:
    page = read(stage.org(calls=5).browser)
    assert "Your plan" in page
    assert "Upgrade, $49 a month" in page


def test_the_smaller_plan_is_a_downgrade(stage: Stage) -> None:
    assert "Downgrade to Free" in read(stage.org(calls=5, plan="pro").browser)


def test_a_member_without_the_role_asks(stage: Stage) -> None:
    cast = stage.org()
    browser = stage.member(cast.org, "viewer")
    assert "Ask for Pro" in read(browser)
    page = read(browser, "/plans/pro")
    assert "Your role cannot change the plan." in page
    assert "mailto:" in page


def test_the_own_last_period_is_priced_on_each_plan(stage: Stage) -> None:
    cast = stage.org(calls=1_500)
    stage.clock.at += timedelta(days=20)
    page = read(cast.browser)
    assert "November 2026" in page
    replay = page[page.index("Your last period on each plan") :]
    assert re.search(r"Free.*?\$0\.00.*?API calls would have been refused above the limit", replay, re.DOTALL)
    assert re.search(r"Pro.*?\$49\.00.*?Cheapest", replay, re.DOTALL)
    assert "Fits you best" in page


def test_overage_is_part_of_what_a_plan_would_have_cost(stage: Stage) -> None:
    page = read(stage.org(calls=51_000, plan="pro").browser)
    assert "this period so far" in page
    assert "$59.00" in page


def test_a_plan_says_its_money_and_how_to_get_it(stage: Stage) -> None:
    page = read(stage.org().browser, "/plans/pro?interval=year")
    assert "$490.00 a year, before tax" in page
    assert 'href="/billing/upgrade/pro?interval=year&currency=USD"' in page
    assert "Nothing on this page costs anything." in page


def test_a_downgrade_names_what_would_not_fit(stage: Stage) -> None:
    page = read(stage.org(calls=1_200, plan="pro").browser, "/plans/free")
    assert "API calls: 1,200 used this period, Free allows 1,000." in page


def test_an_unknown_plan_is_not_found(stage: Stage) -> None:
    assert stage.app.test_client().get("/plans/nope").status_code == 404


def test_the_page_asks_the_database_little(stage: Stage) -> None:
    cast = stage.org(calls=5)
    for browser, path in ((stage.app.test_client(), "/plans"), (cast.browser, "/plans"),
                          (stage.member(cast.org, "viewer"), "/plans/pro")):  # fmt: skip
        with stage.statements() as asked:
            read(browser, path)
        assert len(asked) + 1 <= 6, asked
