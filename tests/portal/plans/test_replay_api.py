"""POST /plans/replay: the same figures as on /plans, by periods and plans."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.payments.test_billing_api import problem
from tests.scenario import Org, Scenario


def replay(org: Org, **asked: Any) -> Any:
    answer = org.scenario.client.post("/api/v1/plans/replay", json=asked, headers=org.api("usage:read"))
    assert answer.status_code == 200, answer.text
    return answer.json


def plan(answer: Any, key: str) -> Any:
    return next(each for each in answer["plans"] if each["plan"] == key)


def test_past_months_and_the_running_one_are_priced_on_every_plan(scenario: Scenario) -> None:
    org = scenario.org().on("pro").uses(60_000)
    scenario.clock.at += timedelta(days=20)
    org.uses(300, at="2026-12-05 12:00")
    answer = replay(org)
    assert [each["running"] for each in answer["periods"]] == [False, True]
    assert answer["periods"][0]["meters"] == [{"meter": "api_calls", "used": "60000"}]
    pro, free = plan(answer, "pro"), plan(answer, "free")
    assert [each["amount"] for each in pro["periods"]] == [14_900, 4_900]
    assert (pro["current"], pro["total"], pro["fits"]) == (True, 19_800, True)
    assert free["periods"][0]["refused"] == ["api_calls"]
    assert (free["fits"], free["objection"]) == (False, "refuses")


def test_the_running_month_of_the_own_plan_is_what_the_usage_call_forecasts(scenario: Scenario) -> None:
    org = scenario.org().on("pro").uses(51_000)
    own = plan(replay(org), "pro")
    assert own["periods"][-1]["amount"] == org.reads("/usage/current")["projected_cost"]


def test_a_lower_plan_is_not_advised_before_a_whole_month_is_known(scenario: Scenario) -> None:
    free = plan(replay(scenario.org().on("pro").uses(5)), "free")
    assert (free["fits"], free["advised"], free["objection"]) == (True, False, "too_early")


def test_prices_are_of_one_currency(scenario: Scenario) -> None:
    org = scenario.org().uses(5)
    assert plan(replay(org, currency="EUR"), "pro")["periods"][0]["fee"] == 4_600
    call = scenario.client.post("/api/v1/plans/replay", json={"currency": "XXX"}, headers=org.api("usage:read"))
    assert problem(call) == (400, "invalid_request")


@pytest.mark.parametrize("months", [0, 13])
def test_at_most_twelve_months_are_priced(scenario: Scenario, months: int) -> None:
    org = scenario.org()
    call = scenario.client.post("/api/v1/plans/replay", json={"months": months}, headers=org.api("usage:read"))
    assert problem(call) == (400, "invalid_request")


def test_another_organisations_usage_is_not_read(scenario: Scenario) -> None:
    scenario.org().uses(900)
    assert replay(scenario.org())["periods"][0]["meters"] == [
        {"meter": each["meter"], "used": "0"} for each in replay(scenario.org())["periods"][0]["meters"]
    ]
