"""What would be refused or become dearer is said before a downgrade and a cancellation, on pages and in the preview."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.pages import text_of
from tests.scenario import Org, Scenario
from tests.support.copy import copy


def month_later(scenario: Scenario, org: Org) -> Org:
    """A month on, with a little use in the running one."""
    scenario.clock.at += timedelta(days=20)
    return org.uses(30, at="2026-12-05 12:00")


def fit_of(page: str) -> str:
    return page.partition('id="fit"')[2].partition("</section>")[0]


def preview(org: Org, plan: str) -> Any:
    body = {"plan": plan, "currency": "USD", "interval": "month"}
    answer = org.scenario.client.post("/api/v1/subscription/preview", json=body, headers=org.api("billing:read"))
    assert answer.status_code == 200, answer.text
    return answer.json["fit"]


def test_a_lower_plan_is_compared_with_the_worst_month_and_the_busiest_day(scenario: Scenario) -> None:
    org = month_later(scenario, scenario.org().on("pro").uses(2_400))
    page = fit_of(text_of(org.browser().get("/plans/free")))
    assert (
        copy("fit.refused", meter="API calls", used="2,400 used in November 2026", plan="Free", limit="1,000") in page
    )
    assert (
        copy("fit.refused", meter="API calls", used="2,400 used on 10 Nov 2026", plan="Free", limit="500 a day") in page
    )
    assert 'data-label="Now">30, about' in page
    assert page.count("Would be refused") == 2


def test_usage_that_fits_is_said_to_fit(scenario: Scenario) -> None:
    org = month_later(scenario, scenario.org().on("pro").uses(400))
    page = fit_of(text_of(org.browser().get("/plans/free")))
    assert copy("fit.fits", plan="Free") in page
    assert "Would be refused" not in page


def test_without_any_use_there_is_nothing_to_compare(scenario: Scenario) -> None:
    page = fit_of(text_of(scenario.org().on("pro").browser().get("/plans/free")))
    assert copy("fit.nothing") in page


def test_a_higher_plan_that_fits_shows_no_report(scenario: Scenario) -> None:
    assert not fit_of(text_of(scenario.org().uses(5).browser().get("/plans/pro")))


@pytest.mark.slow
def test_the_preview_of_the_default_plan_says_what_a_cancellation_would_refuse(paid: Scenario) -> None:
    org = paid.org().paying("pro").uses(2_400, at="2026-11-21 12:00")
    paid.later(days=3)
    fit = preview(org, "free")
    assert fit["fits"] is False
    [calls] = [each for each in fit["lines"] if (each["meter"], each["span"]) == ("api_calls", "period")]
    assert (calls["now"], calls["limit"], calls["result"]) == ("2400", "1000", "refused")
    page = fit_of(org.page("/billing/cancel"))
    assert calls["words"] in page
    assert preview(org, "pro") is None


def test_a_fit_report_asks_the_database_little(scenario: Scenario) -> None:
    org = month_later(scenario, scenario.org().on("pro").uses(2_400))
    browser = org.browser()
    with scenario.statements() as asked:
        assert fit_of(text_of(browser.get("/plans/free")))
    assert len(asked) <= 6, asked
