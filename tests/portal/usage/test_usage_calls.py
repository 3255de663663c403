"""GET /usage/current, /usage/summary, /usage/history and POST /quotes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.portal.stage import Stage


def call(stage: Stage, org: Any, path: str) -> Any:
    answer = stage.app.test_client().get(f"/api/v1{path}", headers=stage.key(org))
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def meter(answer: Any, key: str = "api_calls") -> Any:
    return next(each for each in answer["meters"] if each["meter"] == key)


def test_an_org_that_used_nothing_is_on_the_default_plan_with_its_allowances(stage: Stage) -> None:
    found = call(stage, stage.org().org, "/usage/current")
    assert found["plan"]["key"] == "free"
    calls = meter(found)
    assert (calls["used"], calls["limit"], calls["percent"], calls["policy"]) == ("0", "1000", 0, "block")
    assert found["period"] == {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z", "time_zone": "UTC"}


def test_use_above_the_allowance_costs_what_the_charge_says(stage: Stage) -> None:
    found = call(stage, stage.org(calls=56_000, plan="pro").org, "/usage/current")
    calls = meter(found)
    assert (calls["cost"], calls["exact_cost"], calls["percent"], calls["state"]) == (6000, "60", 112, "over")
    assert (found["fee_due"], found["usage_cost"], found["cost"]) == (4900, 6000, 10900)
    assert calls["next_unit_price"] == "0.01"


def test_a_yearly_fee_is_no_part_of_the_months_cost(stage: Stage) -> None:
    found = call(stage, stage.org(calls=50_100, plan="pro", interval="year").org, "/usage/current")
    assert (found["plan"]["interval"], found["plan"]["fee"]) == ("year", 49000)
    assert (found["fee_due"], found["cost"]) == (0, 100)


def test_the_pace_gives_the_end_and_the_day_of_the_limit(stage: Stage) -> None:
    calls = meter(call(stage, stage.org(calls=820).org, "/usage/current"))
    assert calls["projected_use"] == "1200"  # 20.5 of 30 days have passed
    assert calls["reaches_limit_at"] == "2026-11-26T00:00:00Z"


def test_the_period_is_the_orgs_own_month(stage: Stage) -> None:
    found = call(stage, stage.org(zone="Pacific/Auckland").org, "/usage/current")
    assert found["period"]["start"] == "2026-10-31T11:00:00Z"


def test_a_late_look_shows_the_new_period_empty_and_history_keeps_the_old(stage: Stage) -> None:
    org = stage.org(calls=700).org
    stage.clock.at += timedelta(days=15)
    assert meter(call(stage, org, "/usage/current"))["used"] == "0"
    months = call(stage, org, "/usage/history?months=2")["months"]
    assert [each["month"] for each in months] == ["2026-12-01", "2026-11-01"]
    assert months[1]["meters"][0]["used"] == "700"


def test_history_says_cost_plan_and_that_the_plan_changed(stage: Stage) -> None:
    cast = stage.org(calls=50_400, plan="pro")
    month = call(stage, cast.org, "/usage/history?months=1")["months"][0]
    assert month["plan"] == "pro"
    assert month["usage_cost"] == [{"currency": "USD", "amount": 400}]
    free = stage.org(calls=10).org
    assert call(stage, free, "/usage/history?months=1")["months"][0]["plan_changed"] is False


@pytest.mark.parametrize("months", ["0", "13", "x", "1.5"])
def test_history_takes_one_to_twelve_months(stage: Stage, months: str) -> None:
    answer = stage.app.test_client().get(f"/api/v1/usage/history?months={months}", headers=stage.key(stage.org().org))
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")


def test_the_summary_holds_the_month_everything_ever_and_the_latest_events(stage: Stage) -> None:
    cast = stage.org(calls=5)
    stage.use(cast.org, 7, at="2026-08-03 09:00", kind="scan")
    found = call(stage, cast.org, "/usage/summary")
    assert found["meters"][0]["used"] == "5"
    assert found["lifetime"][0]["used"] == "12"
    assert [each["quantity"] for each in found["latest_events"]] == ["5", "7"]
    assert len(found["trend"]) == 12
    assert found["trend"][-4]["meters"][0] | {"name": ""} == {
        "meter": "api_calls", "name": "", "unit": "call", "used": "7", "events": 1,
    }  # fmt: skip


def test_the_calculator_prices_any_charge(stage: Stage) -> None:
    body = {"charge": {"model": "per_unit", "currency": "USD", "properties": {"unit_amount": "0.01"}},
            "quantity": "1250.5", "allowance": 1000}  # fmt: skip
    answer = stage.app.test_client().post("/api/v1/quotes", json=body, headers=stage.key(stage.org().org))
    assert (answer.status_code, answer.get_json()["amount"], answer.get_json()["exact_amount"]) == (200, 251, "2.505")


def test_a_key_without_the_scope_reads_nothing(stage: Stage) -> None:
    headers = stage.key(stage.org().org, "usage:write")
    for path in ("current", "summary", "history"):
        answer = stage.app.test_client().get(f"/api/v1/usage/{path}", headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(("path", "most"), [("current", 1), ("summary", 6), ("history?months=12", 4)])
def test_a_call_asks_the_database_little(stage: Stage, path: str, most: int) -> None:
    cast = stage.org(calls=56_000, plan="pro")
    headers = stage.key(cast.org)
    with stage.statements() as asked:
        assert stage.app.test_client().get(f"/api/v1/usage/{path}", headers=headers).status_code == 200
    assert len(asked) <= most, asked


def test_a_staff_key_reads_for_the_org_that_it_names(stage: Stage) -> None:
    org = stage.org(calls=42).org
    headers = stage.key(None, "admin:read")
    client = stage.app.test_client()
    named = client.get("/api/v1/usage/current", headers=headers | {"Tollkeeper-Organization": str(org)})
    assert meter(named.get_json())["used"] == "42"
    assert client.get("/api/v1/usage/current", headers=headers).status_code == 400
    unknown = headers | {"Tollkeeper-Organization": "00000000-0000-7000-8000-00000000dead"}
    assert client.get("/api/v1/usage/current", headers=unknown).status_code == 404
