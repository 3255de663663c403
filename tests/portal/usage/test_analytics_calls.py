"""GET /usage/analytics: every event in one row, parts that sum to totals, percentiles out of the histograms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.web.paging import encode_cursor
from tests.scenario import Scenario

PATH = "/usage/analytics?from=2026-11-20&to=2026-11-21"
GROUPS = ("kind", "provider", "endpoint", "user", "client", "key", "plan", "language", "format", "attempt", "status")


def send(scenario: Scenario, org: Any, *events: dict[str, Any]) -> None:
    body = {"events": [{"id": f"e{n}", "meter": "api_calls"} | each for n, each in enumerate(events)]}
    answer = scenario.app.test_client().post("/api/v1/usage/events", json=body, headers=org.api("usage:write"))
    assert answer.get_json()["recorded"] == len(events), answer.get_json()


@pytest.fixture
def used(scenario: Scenario) -> Any:
    org = scenario.org()
    at = {"occurred_at": "2026-11-20T09:30:00Z"}
    send(
        scenario, org,
        {"quantity": 5, "endpoint": "/a", "user": "ada", "client": "c1", "status_code": 200, "response_ms": 40},
        {"quantity": 2, "endpoint": "/a", "user": "bob", "status_code": 503, "response_ms": 900, "file_bytes": 70},
        {"quantity": 1, "endpoint": "/b", "kind": "scan", "language": "en", "status_code": 404} | at,
        {"quantity": 3, "provider": "p", "format": "srt"} | at,
    )  # fmt: skip
    return org


def rows(org: Any, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = org.reads(path)["rows"]
    return found


@pytest.mark.parametrize("folded", [False, True])
def test_rows_by_endpoint_say_quantity_errors_and_response_times(scenario: Scenario, used: Any, folded: bool) -> None:
    if folded:
        scenario.fold()
    found = rows(used, f"{PATH}&group_by=endpoint")
    assert [(row["day"], row["value"], row["given"], row["quantity"]) for row in found] == [
        ("2026-11-20", "/b", True, "1"), ("2026-11-20", None, False, "3"), ("2026-11-21", "/a", True, "7"),
    ]  # fmt: skip
    last = found[-1]
    assert last["responses"] == {"events": 2, "client_errors": 0, "server_errors": 1, "error_rate": "0.5"}
    assert (last["latency"]["p50_ms"], last["latency"]["p95_ms"]) == (50, 1200)
    assert last["file_sizes"]["buckets"] == [{"up_to": 1000, "events": 1}]
    assert (last["billed"], last["unbilled"], last["free"], last["free_events"]) == ("7", "0", "0", 0)


@pytest.mark.parametrize("span", ["day", "month"])
@pytest.mark.parametrize("folded", [False, True])
def test_parts_sum_to_the_total_by_every_dimension(scenario: Scenario, used: Any, folded: bool, span: str) -> None:
    if folded:
        scenario.fold()
    total = rows(used, f"{PATH}&span={span}")
    whole = {row["day"]: (Decimal(row["quantity"]), row["events"]) for row in total}
    assert whole == ({"2026-11-20": (4, 2), "2026-11-21": (7, 2)} if span == "day" else {"2026-11-01": (11, 4)})
    for group in (*GROUPS, "hour"):
        parts: dict[str, tuple[Decimal, int]] = {}
        for row in rows(used, f"{PATH}&span={span}&group_by={group}"):
            quantity, events = parts.get(row["day"], (Decimal(0), 0))
            parts[row["day"]] = quantity + Decimal(row["quantity"]), events + row["events"]
        assert parts == whole, group


def test_hours_are_the_orgs_and_hold_all_events(scenario: Scenario) -> None:
    org = scenario.org(zone="Asia/Kolkata")
    send(scenario, org, {"occurred_at": "2026-11-20T18:29:59Z"}, {"occurred_at": "2026-11-20T18:30:00Z", "quantity": 4})
    found = rows(org, f"{PATH}&span=hour")
    assert [(row["day"], row["hour"], row["quantity"]) for row in found] == [
        ("2026-11-20", 23, "1"), ("2026-11-21", 0, "4"),
    ]  # fmt: skip
    assert {row["value"] for row in found} == {None}


def test_values_are_what_was_sent_and_labels_what_it_is_called(scenario: Scenario, used: Any) -> None:
    by_user = rows(used, f"{PATH}&group_by=user")
    assert [row["value"] for row in by_user if row["given"]] in (["ada", "bob"], ["bob", "ada"])
    by_client = next(row for row in rows(used, f"{PATH}&group_by=client") if row["given"])
    assert (by_client["value"], by_client["label"]) == ("c1", "c1")
    by_plan = rows(used, f"{PATH}&group_by=plan")
    assert {row["label"] for row in by_plan} == {"Free, version 1"}
    assert {row["value"] for row in rows(used, f"{PATH}&group_by=status")} == {"200", "503", "404", None}


def test_pages_follow_one_another_without_gap(scenario: Scenario, used: Any) -> None:
    whole, found, cursor = rows(used, f"{PATH}&group_by=user"), [], ""
    for _ in range(len(whole)):
        page = used.reads(f"{PATH}&group_by=user&limit=1{cursor}")
        found += page["rows"]
        cursor = f"&next={page['next']}"
    assert (found, page["next"]) == (whole, None)
    assert len(whole) == 3


@pytest.mark.parametrize(
    ("query", "named"),
    [("from=2026-11-22&to=2026-11-21", "from"), ("from=2025-01-01&to=2026-11-21", "from"), ("next=x", "next"),
     ("from=2026-10-01&to=2026-11-21&span=hour", "from"), ("span=hour&group_by=user", "group_by"),
     ("to=0001-01-01", "from"), ("group_by=colour", "group_by"), ("span=week", "span")],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(scenario: Scenario, query: str, named: str) -> None:
    headers = scenario.org().api("usage:read")
    answer = scenario.app.test_client().get(f"/api/v1/usage/analytics?{query}", headers=headers)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, named)


@pytest.mark.parametrize(
    "position", [("2026-11-20", "99999999999", "0", ""), ("2026-11-20", "1", "99999999999", ""), ("x", "1", "0", "")]
)
def test_a_position_that_no_page_ends_with_is_refused(scenario: Scenario, position: tuple[str, ...]) -> None:
    path = f"/api/v1/usage/analytics?next={encode_cursor(*position)}"
    answer = scenario.app.test_client().get(path, headers=scenario.org().api("usage:read"))
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, "next")


def test_a_meter_is_chosen_by_its_key(scenario: Scenario, used: Any) -> None:
    assert {row["meter"] for row in rows(used, f"{PATH}&meter=api_calls")} == {"api_calls"}
    assert rows(scenario.org(), f"{PATH}&meter=api_calls") == []
    answer = scenario.app.test_client().get("/api/v1/usage/analytics?meter=none", headers=used.api("usage:read"))
    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown_meter")


def test_another_org_sees_nothing_and_one_statement_answers(scenario: Scenario, used: Any) -> None:
    assert rows(scenario.org(), f"{PATH}&group_by=endpoint") == []
    headers = used.api("usage:read")
    client = scenario.app.test_client()
    client.get(f"/api/v1{PATH}", headers=headers)
    with scenario.statements() as asked:
        assert client.get(f"/api/v1{PATH}&group_by=endpoint", headers=headers).status_code == 200
    assert len(asked) <= 2, asked  # one of them: whose key it is
