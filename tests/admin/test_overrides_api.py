"""Overrides through the staff API, and what the organisation reads of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from tests.scenario import Org, Scenario

GIVEN = {"value": "2000000", "reason": "Agreed by email", "ends_at": "2027-02-01T00:00:00Z"}


def call(scenario: Scenario, method: str, path: str, body: Any = None, scope: str = "admin:write") -> Any:
    url = f"/api/v1/admin/orgs/{path}"
    return scenario.app.test_client().open(url, method=method, json=body, headers=scenario.api(scope))


def count_entries(scenario: Scenario, org: Org) -> int:
    scenario.session.rollback()
    rows = scenario.session.scalars(select(AuditEntry.action).where(AuditEntry.org_id == org.id))
    return sum(action.startswith("override.") for action in rows)


@pytest.mark.parametrize("write", [str, quote])
def test_an_override_is_given_and_read_by_staff_and_organisation(scenario: Scenario, write: Any) -> None:
    org, key = scenario.org().on("pro"), "allowance:api_calls"
    path = f"{org.id}/overrides/{write(key)}"
    first = call(scenario, "PUT", path, GIVEN)
    assert first.status_code == 200, first.text
    override = first.get_json()["override"]
    assert (override["key"], override["value"], override["starts_at"]) == (key, "2000000", "2026-11-21T12:00:00Z")
    assert (override["ends_at"], override["stays"], first.get_json()["replaced"]) == (GIVEN["ends_at"], False, None)
    assert call(scenario, "GET", f"{org.id}/overrides", scope="admin:read").get_json() == {"overrides": [override]}
    read = org.reads("/limits")
    agreed = {name: override[name] for name in ("key", "value", "reason", "starts_at", "ends_at")}
    assert (read["overrides"], read["meters"][0]["sources"]["allowance"]) == ([agreed], "override")
    assert org.granted()["allowance"] == "2000000"


def test_repeating_the_call_changes_nothing_and_another_value_says_what_it_replaced(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    path = f"{org.id}/overrides/hard_limit:api_calls"
    first = call(scenario, "PUT", path, GIVEN).get_json()
    scenario.later(days=1)
    assert call(scenario, "PUT", path, GIVEN).get_json() == first
    assert count_entries(scenario, org) == 1
    other = call(scenario, "PUT", path, {"value": None, "reason": "No cap any more", "stays": True}).get_json()
    again = call(scenario, "PUT", path, {"value": None, "reason": "No cap any more", "stays": True}).get_json()
    assert (other["override"]["value"], other["override"]["stays"]) == (None, True)
    assert other["replaced"] == {
        name: first["override"][name] for name in ("key", "value", "reason", "starts_at", "ends_at")
    }
    assert again == other


def test_an_allowance_taken_back_holds_to_the_end_of_the_period(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    path = f"{org.id}/overrides/allowance:api_calls"
    call(scenario, "PUT", path, GIVEN)
    answer = call(scenario, "DELETE", path)
    assert (answer.status_code, answer.get_json()["ends_at"]) == (200, "2026-12-01T00:00:00Z")
    assert [row["ends_at"] for row in org.reads("/limits")["overrides"]] == ["2026-12-01T00:00:00Z"]
    assert call(scenario, "DELETE", path).status_code == 404


def test_numbers_are_taken_exactly(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    given = {"value": {"model": "per_unit", "properties": {"unit_amount": 0.0005}}, "reason": "Volume"}
    found = call(scenario, "PUT", f"{org.id}/overrides/charge:api_calls", given).get_json()["override"]
    assert (found["value"]["properties"]["unit_amount"], found["currency"]) == ("0.0005", "USD")


@pytest.mark.parametrize(
    ("key", "changed", "field"),
    [
        ("colour:api_calls", {}, "key"), ("allowance:nothing", {}, "key"), ("feature:No!", {"value": True}, "key"),
        ("allowance:api_calls", {"value": 1e22}, "value"), ("allowance:api_calls", {"value": "1e3"}, "value"),
        ("allowance:api_calls", {"reason": ""}, "reason"), ("allowance:api_calls", {"reason": "   "}, "reason"),
        ("allowance:api_calls", {"ends_at": "2026-11-21T12:00:00Z"}, "ends_at"),
        ("allowance:api_calls", {"until": None}, "until"), ("feature:rate", {"value": 0.5}, "value"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_field(scenario: Scenario, key: str, changed: dict[str, Any], field: str) -> None:
    org = scenario.org().on("pro")
    answer = call(scenario, "PUT", f"{org.id}/overrides/{key}", GIVEN | changed)
    assert (answer.status_code, [error["field"] for error in answer.get_json()["errors"]]) == (400, [field])


def test_scopes_are_needed_and_the_organisation_must_exist(scenario: Scenario) -> None:
    org = scenario.org()
    path = f"{org.id}/overrides/allowance:api_calls"
    for method, scope in (("PUT", "admin:read"), ("DELETE", "admin:read")):
        answer = call(scenario, method, path, GIVEN if method == "PUT" else None, scope=scope)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")
    nobody = "00000000-0000-7000-8000-00000000dead/overrides"
    assert call(scenario, "GET", nobody, scope="admin:read").status_code == 404
    assert call(scenario, "PUT", f"{nobody}/allowance:api_calls", GIVEN).status_code == 404
    assert call(scenario, "DELETE", f"{nobody}/allowance:api_calls").status_code == 404


@pytest.mark.slow
def test_of_overrides_given_at_the_same_moment_one_holds_and_each_other_was_replaced(scenario: Scenario) -> None:
    org, key, headers = scenario.org().on("pro"), "hard_limit:api_calls", scenario.api("admin:write")
    url, many = f"/api/v1/admin/orgs/{org.id}/overrides/{key}", 12
    ready = Barrier(many)

    def put(number: int) -> Any:
        ready.wait()
        given = {"value": str(2_000_000 + number), "reason": f"Call {number}"}
        return scenario.app.test_client().put(url, json=given, headers=headers)

    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(put, range(many)))
    assert {answer.status_code for answer in answers} == {200}
    replaced = [answer.get_json()["replaced"] for answer in answers]
    held = org.reads("/limits")["overrides"]
    given = {answer.get_json()["override"]["value"] for answer in answers}
    assert [each["key"] for each in held] == [key]
    assert {each["value"] for each in replaced if each} == given - {held[0]["value"]}
    assert replaced.count(None) == 1
    assert org.granted()["cap"] == held[0]["value"]
    assert count_entries(scenario, org) == many
