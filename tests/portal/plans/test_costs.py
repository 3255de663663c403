"""The chart of costs on /plans: its form, its slider's numbers, and the own use marked."""

from __future__ import annotations

import re

import pytest

from app.portal.plans.costs import CostAsked, build_costs_view
from app.portal.plans.hierarchy import find_base, list_points
from app.statements.plan_context import PlanContext
from tests.pages import text_of
from tests.portal.specimens import OFFERS
from tests.scenario import Scenario
from tests.statements.test_replay import FREE, MAX, PLANS, PRO, offer
from tests.web.stage import staged


def card(page: str) -> str:
    return page.partition('id="costs"')[2].partition("</section>\n<")[0]


def shown(page: str) -> dict[str, str]:
    """What the card says each plan costs at the usage chosen."""
    return dict(re.findall(r"</svg><span>([^<]*)</span> <strong>([^<]*)</strong>", card(page)))


def test_the_form_asks_for_a_usage_and_the_server_prices_it(scenario: Scenario) -> None:
    browser = scenario.app.test_client()
    page = text_of(browser.get("/plans?meter=api_calls&usage=51,000"))
    assert shown(page)["Pro"] == "$59.00"
    assert shown(page)["Free"] == "Refused"
    assert 'name="usage" inputmode="decimal" value="51,000"' in page


def test_the_own_use_is_chosen_first_and_marked(scenario: Scenario) -> None:
    org = scenario.org().on("pro").uses(51_000)
    current = org.reads("/usage/current")
    page = text_of(org.browser().get("/plans?meter=api_calls"))
    assert shown(page)["Pro"] == f"${current['projected_cost'] / 100:,.2f}"
    calls = {each["meter"]: each for each in current["meters"]}["api_calls"]
    assert f"your own month: about {int(calls['projected_use']):,} API calls" in page
    assert "<title>Your own use</title>" in page


@pytest.mark.parametrize("query", ["usage=-1", "usage=nothing", "usage=1e9", "top=7", "meter=nope", "usage="])
def test_what_cannot_be_read_counts_as_not_given(scenario: Scenario, query: str) -> None:
    assert "Show the numbers" in card(text_of(scenario.app.test_client().get(f"/plans?{query}")))


def test_the_table_has_the_sliders_stops(scenario: Scenario) -> None:
    page = card(text_of(scenario.app.test_client().get("/plans?meter=api_calls")))
    assert 'max="40"' in page
    assert page.count("<tr") == 42
    assert re.search(r'data-best="\d+"><th scope="row" class="num">0</th>', page)


@staged
def test_a_usage_beyond_the_range_stays_in_the_picture() -> None:
    view = build_costs_view(PLANS, PlanContext("USD"), None, CostAsked("calls", PRO.meters["calls"].rule.allowance))
    assert view is not None
    assert view.chart.marks[-1].x == 50


@staged
def test_no_price_by_usage_no_chart() -> None:
    unpriced = offer("enterprise", None, 10)
    assert build_costs_view([unpriced], PlanContext("USD"), None, CostAsked()) is None


def test_a_plan_that_has_all_of_another_says_what_it_adds() -> None:
    free, pro, business = OFFERS
    assert find_base(free, OFFERS) is None
    assert find_base(pro, OFFERS) is free
    assert list_points(pro, free)[:3] == ["100 sessions a month", "1,200 minutes a month", "200 exports a month"]
    assert "Unlimited minutes a month" in list_points(business, pro)


def test_a_plan_that_has_less_of_anything_is_not_everything_plus() -> None:
    assert find_base(FREE, [PRO, FREE, MAX]) is None
    assert find_base(MAX, [PRO, FREE, MAX]) is FREE


def test_one_button_of_the_cards_stands_out(scenario: Scenario) -> None:
    for browser in (scenario.app.test_client(), scenario.org().uses(900).browser(), scenario.org().on("pro").browser()):
        cards = text_of(browser.get("/plans")).partition('<ul class="plans plain">')[2].partition('id="costs"')[0]
        assert cards.count("is-primary") <= 1
