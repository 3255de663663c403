"""The staff's calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories
from tests.scenario import Scenario


def get(scenario: Scenario, path: str, *scopes: str) -> Any:
    return scenario.app.test_client().get(f"/api/v1{path}", headers=scenario.api(*(scopes or ("admin:read",))))


@pytest.mark.parametrize("path", ["/admin/orgs", "/admin/usage/analytics", "/admin/top?meter=api_calls"])
def test_a_customers_key_is_refused(scenario: Scenario, path: str) -> None:
    answer = scenario.app.test_client().get(f"/api/v1{path}", headers=scenario.org().api())
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")


def test_orgs_are_paged_by_cursor(scenario: Scenario) -> None:
    word = factories.unique("cursor")
    ids = [str(scenario.org(name=f"{word} {number}").id) for number in range(5)]
    found: list[str] = []
    position = ""
    while True:
        page = get(scenario, f"/admin/orgs?search={word}&limit=2{position}").get_json()
        found += [each["id"] for each in page["orgs"]]
        if page["next"] is None:
            break
        position = f"&next={page['next']}"
    assert found == ids[::-1]


def test_an_org_is_shown_with_members_and_figures(scenario: Scenario) -> None:
    org = scenario.org().uses(12)
    found = get(scenario, f"/admin/orgs/{org.id}").get_json()
    assert [each["role"] for each in found["members"]] == ["owner"]
    assert found["usage"]["meters"][0]["used"] == "12"
    assert get(scenario, "/admin/orgs/00000000-0000-7000-8000-00000000dead").status_code == 404
    assert get(scenario, "/admin/orgs/nope").status_code == 404


def test_analytics_name_what_has_no_kind(scenario: Scenario) -> None:
    scenario.org().uses(5, meter="documents", at="2026-11-03 08:00").uses(2, meter="documents", kind="k-1")
    found = get(
        scenario, "/admin/usage/analytics?group_by=kind&meter=documents&from=2026-11-03&to=2026-11-03"
    ).get_json()
    assert [(each["part"], each["group"], each["quantity"]) for each in found["figures"]] == [
        ("total", None, "5"), ("not_given", None, "5"),
    ]  # fmt: skip


def test_analytics_group_by_plan_kind_and_provider_of_every_meter(scenario: Scenario) -> None:
    kind = factories.unique("kind")
    scenario.org().on("pro").uses(77, kind=kind, provider=kind)
    for group in ("kind", "provider"):
        found = get(scenario, f"/admin/usage/analytics?group_by={group}&limit=200").get_json()["figures"]
        assert [(each["meter"], each["quantity"], each["events"]) for each in found if each["group"] == kind] == [
            ("api_calls", "77", 1)
        ]
    by_plan = get(scenario, "/admin/usage/analytics?group_by=plan&meter=api_calls").get_json()
    assert "Pro" in {each["label"] for each in by_plan["figures"]}
    by_day = get(scenario, "/admin/usage/analytics?from=2026-11-10&to=2026-11-10&plan=pro&span=day").get_json()
    assert {each["start"] for each in by_day["figures"]} == {"2026-11-10"}


@pytest.mark.parametrize(
    ("query", "code"),
    [("from=2026-11-21&to=2026-11-01", "invalid_request"), ("from=2020-01-01&to=2026-11-01", "invalid_request"),
     ("meter=nope", "unknown_meter"), ("group_by=moon", "invalid_request"),
     ("plan=pro&group_by=kind", "invalid_request")],
)  # fmt: skip
def test_a_question_that_makes_no_sense_says_why(scenario: Scenario, query: str, code: str) -> None:
    assert get(scenario, f"/admin/usage/analytics?{query}").get_json()["code"] == code


def test_days_before_the_calendar_are_left_out(scenario: Scenario) -> None:
    assert get(scenario, "/admin/usage/analytics?to=0001-01-05").get_json()["from"] == "0001-01-01"


def test_the_greatest_users_of_a_month(scenario: Scenario) -> None:
    org = scenario.org().on("pro").uses(91_000_000)
    scenario.fold()
    found = get(scenario, "/admin/top?meter=api_calls&month=2026-11&limit=1").get_json()
    assert found["orgs"][0] | {"name": ""} == {"revenue": None, "mrr": None} | {
        "id": str(org.id), "name": "", "quantity": "91000000", "events": 1,
    }  # fmt: skip


def test_a_plan_is_given_by_key_and_again_changes_nothing(scenario: Scenario) -> None:
    org = scenario.org()
    headers = scenario.api("admin:write")
    body = {"plan": "pro", "currency": "EUR"}
    client = scenario.app.test_client()
    first = client.put(f"/api/v1/admin/orgs/{org.id}/subscription", json=body, headers=headers).get_json()
    again = client.put(f"/api/v1/admin/orgs/{org.id}/subscription", json=body, headers=headers).get_json()
    assert (first["changed"], first["usage"]["plan"]["key"], first["usage"]["currency"]) == (True, "pro", "EUR")
    assert again["changed"] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [({"plan": "nope", "currency": "USD"}, 400), ({"plan": "pro", "currency": "GBP"}, 400),
     ({"plan": "pro", "currency": "usd"}, 400), ({"plan": "pro", "currency": "USD", "interval": "day"}, 400)],
)  # fmt: skip
def test_a_plan_that_is_not_sold_so_is_refused(scenario: Scenario, body: dict[str, str], status: int) -> None:
    org = scenario.org()
    url = f"/api/v1/admin/orgs/{org.id}/subscription"
    answer = scenario.app.test_client().put(url, json=body, headers=scenario.api("admin:write"))
    assert answer.status_code == status
    assert get(scenario, f"/admin/orgs/{org.id}").get_json()["usage"]["plan"]["key"] == "free"


def test_reading_does_not_let_write(scenario: Scenario) -> None:
    url = f"/api/v1/admin/orgs/{scenario.org().id}/subscription"
    body = {"plan": "pro", "currency": "USD"}
    answer = scenario.app.test_client().put(url, json=body, headers=scenario.api("admin:read"))
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")
