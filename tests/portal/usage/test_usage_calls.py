"""GET /usage/current, /usage/summary, /usage/history and POST /quotes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from app.statements.current_usage import get_current_usage
from tests.scenario import Scenario


def call(scenario: Scenario, org: Any, path: str) -> Any:
    answer = scenario.app.test_client().get(f"/api/v1{path}", headers=org.api())
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def meter(answer: Any, key: str = "api_calls") -> Any:
    return next(each for each in answer["meters"] if each["meter"] == key)


def test_an_org_that_used_nothing_is_on_the_default_plan_with_its_allowances(scenario: Scenario) -> None:
    found = call(scenario, scenario.org(), "/usage/current")
    assert found["plan"]["key"] == "free"
    calls = meter(found)
    assert (calls["used"], calls["limit"], calls["percent"], calls["policy"]) == ("0", "1000", 0, "charge")
    assert (calls["cap"], calls["cap_source"]) == ("1000", "not_collected")
    assert found["period"] == {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z", "time_zone": "UTC"}


def test_use_above_the_allowance_costs_what_the_charge_says(scenario: Scenario) -> None:
    found = call(scenario, scenario.org().on("pro").uses(56_000), "/usage/current")
    calls = meter(found)
    assert (calls["cost"], calls["exact_cost"], calls["percent"], calls["state"]) == (6000, "60", 112, "over")
    assert (found["fee_due"], found["usage_cost"], found["cost"]) == (4900, 6000, 10900)
    assert calls["next_unit_price"] == "0.01"


def test_a_yearly_fee_is_no_part_of_the_months_cost(scenario: Scenario) -> None:
    found = call(scenario, scenario.org().on("pro", interval="year").uses(50_100), "/usage/current")
    assert (found["plan"]["interval"], found["plan"]["fee"]) == ("year", 49000)
    assert (found["fee_due"], found["cost"]) == (0, 100)


def test_the_pace_gives_the_end_and_the_day_of_the_limit(scenario: Scenario) -> None:
    org = scenario.org().uses(820, at="2026-11-18 00:00")
    calls = meter(call(scenario, org, "/usage/current"))
    assert calls["projected_use"] == "1200"  # 20.5 of 30 days have passed
    assert calls["reaches_limit_at"] == "2026-11-26T00:00:00Z"
    assert (calls["projection_basis"], calls["projected_low"], calls["projected_high"]) == ("pace", None, None)


def test_days_before_the_period_tell_its_end_and_how_sure_that_is(scenario: Scenario) -> None:
    org = scenario.org()
    for day in range(20, 32):
        org.uses(10, at=f"2026-10-{day} 09:00")
    for day in range(1, 21):
        org.uses(10 if day % 2 else 50, at=f"2026-11-{day:02} 09:00")
    calls = meter(call(scenario, org, "/usage/current"))
    assert calls["used"] == "600"
    assert calls["projection_basis"] == "weekdays"
    low, expected, high = (int(calls[f"projected_{edge}"]) for edge in ("low", "use", "high"))
    assert 600 < low < expected < high
    assert 800 < expected < 1000


def test_the_period_is_the_orgs_own_month(scenario: Scenario) -> None:
    found = call(scenario, scenario.org(zone="Pacific/Auckland"), "/usage/current")
    assert found["period"]["start"] == "2026-10-31T11:00:00Z"


def test_a_late_look_shows_the_new_period_empty_and_history_keeps_the_old(scenario: Scenario) -> None:
    org = scenario.org().uses(700)
    scenario.clock.at += timedelta(days=15)
    assert meter(call(scenario, org, "/usage/current"))["used"] == "0"
    months = call(scenario, org, "/usage/history?months=2")["months"]
    assert [each["month"] for each in months] == ["2026-12-01", "2026-11-01"]
    assert months[1]["meters"][0]["used"] == "700"


def test_history_says_cost_plan_and_that_the_plan_changed(scenario: Scenario) -> None:
    org = scenario.org().on("pro").uses(50_400)
    month = call(scenario, org, "/usage/history?months=1")["months"][0]
    assert month["plan"] == "pro"
    assert month["usage_cost"] == [{"currency": "USD", "amount": 400}]
    free = scenario.org().uses(10)
    assert call(scenario, free, "/usage/history?months=1")["months"][0]["plan_changed"] is False


@pytest.mark.parametrize("months", ["0", "13", "x", "1.5"])
def test_history_takes_one_to_twelve_months(scenario: Scenario, months: str) -> None:
    answer = scenario.app.test_client().get(f"/api/v1/usage/history?months={months}", headers=scenario.org().api())
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")


def test_the_summary_holds_the_month_everything_ever_and_the_latest_events(scenario: Scenario) -> None:
    org = scenario.org().uses(5)
    org.uses(7, at="2026-08-03 09:00", kind="scan")
    found = call(scenario, org, "/usage/summary")
    assert found["meters"][0]["used"] == "5"
    assert found["lifetime"][0]["used"] == "12"
    assert [each["quantity"] for each in found["latest_events"]] == ["5", "7"]
    assert len(found["trend"]) == 12
    august = found["trend"][-4]["meters"][0]
    assert (august["meter"], august["unit"], august["used"], august["events"]) == ("api_calls", "call", "7", 1)


def test_the_calculator_prices_any_charge(scenario: Scenario) -> None:
    body = {"charge": {"model": "per_unit", "currency": "USD", "properties": {"unit_amount": "0.01"}},
            "quantity": "1250.5", "allowance": 1000}  # fmt: skip
    answer = scenario.app.test_client().post("/api/v1/quotes", json=body, headers=scenario.org().api())
    assert (answer.status_code, answer.get_json()["amount"], answer.get_json()["exact_amount"]) == (200, 251, "2.505")


def test_a_key_without_the_scope_reads_nothing(scenario: Scenario) -> None:
    headers = scenario.org().api("usage:write")
    for path in ("current", "summary", "history"):
        answer = scenario.app.test_client().get(f"/api/v1/usage/{path}", headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("path", "most"), [("current", 2), ("summary", 7), ("summary?user=ada", 7), ("history?months=12", 5)]
)
def test_a_call_asks_the_database_little(scenario: Scenario, path: str, most: int) -> None:
    org = scenario.org().on("pro").uses(56_000)
    record(scenario, org, {"user": "ada"})
    headers = org.api()
    with scenario.statements() as asked:
        assert scenario.app.test_client().get(f"/api/v1/usage/{path}", headers=headers).status_code == 200
    assert len(asked) <= most, asked


def test_a_staff_key_reads_for_the_org_that_it_names(scenario: Scenario) -> None:
    org = scenario.org().uses(42)
    headers = scenario.api("admin:read")
    client = scenario.app.test_client()
    named = client.get("/api/v1/usage/current", headers=headers | {"Tollkeeper-Organization": str(org.id)})
    assert meter(named.get_json())["used"] == "42"
    assert client.get("/api/v1/usage/current", headers=headers).status_code == 400
    unknown = headers | {"Tollkeeper-Organization": "00000000-0000-7000-8000-00000000dead"}
    assert client.get("/api/v1/usage/current", headers=unknown).status_code == 404


def record(scenario: Scenario, org: Any, *events: dict[str, Any]) -> None:
    body = {"events": [{"id": f"e{n}", "meter": "api_calls"} | each for n, each in enumerate(events)]}
    answer = scenario.app.test_client().post("/api/v1/usage/events", json=body, headers=org.api("usage:write"))
    assert answer.get_json()["recorded"] == len(events), answer.get_json()


@pytest.mark.parametrize("folded", [False, True])
def test_a_month_lists_kinds_providers_and_formats_of_all_and_of_one_user(scenario: Scenario, folded: bool) -> None:
    org = scenario.org().on("pro").uses(55_000)
    record(
        scenario, org,
        {"quantity": 300, "user": "ada", "kind": "scan", "provider": "p", "format": "srt"},
        {"quantity": 200, "user": "bob", "kind": "scan", "format": "srt"},
        {"quantity": 50, "user": "ada", "kind": "text", "occurred_at": "2026-11-20T09:00:00Z"},
    )  # fmt: skip
    if folded:
        scenario.fold()
    whole = call(scenario, org, "/usage/summary")
    month = meter(whole)
    assert (month["used"], month["billed"], month["originals"], month["reruns"]) == ("55550", "55550", 4, 0)
    assert [(each["value"], each["used"]) for each in month["by_kind"]] == [("scan", "500"), ("text", "50")]
    ada = call(scenario, org, "/usage/summary?user=ada")
    mine = meter(ada)
    assert (ada["user"], mine["used"], mine["events"], mine["originals"]) == ("ada", "350", 2, 2)
    assert [(each["value"], each["used"]) for each in mine["by_kind"]] == [("scan", "300"), ("text", "50")]
    assert [(each["value"], each["events"]) for each in mine["by_format"]] == [("srt", 1)]
    assert [(each["value"], each["used"]) for each in mine["by_provider"]] == [("p", "300")]
    assert [each["used"] for each in ada["lifetime"]] == ["350"]
    assert [each["quantity"] for each in ada["latest_events"]] == ["300", "50"]
    # 5,550 above the allowance cost 5550 cents: 350 of 55,550 are a share of 34.97
    assert (ada["trend"][-1]["usage_cost"], ada["trend"][-1]["plan"]) == ([{"currency": "USD", "amount": 35}], "pro")
    assert len(ada["trend"]) == 12


def test_a_user_of_whom_nothing_is_known_is_not_found(scenario: Scenario) -> None:
    org = scenario.org()
    record(scenario, org, {"user": "ada"})
    for asked in (org, scenario.org()):
        path = f"/api/v1/usage/summary?user={'bob' if asked is org else 'ada'}"
        answer = scenario.app.test_client().get(path, headers=asked.api())
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_a_day_on_which_a_limit_refused_is_no_habit(scenario: Scenario) -> None:
    org = scenario.org()
    for day in range(1, 21):
        org.uses(48, at=f"2026-11-{day:02} 09:00")
    assert [org.reports(100), org.reports(2)] == [429, 200]
    scenario.clock.at += timedelta(days=2)
    with scenario.app.app_context():
        usage = get_current_usage(scenario.session, org.id, scenario.clock.at)
    days = usage.meters[0].days
    assert days.refused == {date(2026, 11, 21): 100}
    assert days.used[date(2026, 11, 21)] == 2
    assert days.before(date(2026, 11, 23)).amounts[-2:] == (None, 0)
