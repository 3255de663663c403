"""GET /usage/export: every event once, in both formats; quantities sum to what analytics say; read page by page."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.metering.events.event_files import PAGE
from tests.scenario import Scenario

URL = "/api/v1/usage/export"
_EVENT = st.fixed_dictionaries(
    {"quantity": st.decimals(0, 20, places=3).map(str)},
    optional={
        "kind": st.sampled_from(["=1+1", "scan", "a,b", "x\n@y"]),
        "user": st.sampled_from(["ada", "bob"]),
        "metadata": st.just({"a": [1, "ü"]}),
        "occurred_at": st.integers(1, 20).map(lambda day: f"2026-11-{day:02}T10:00:00Z"),
    },
)


def record(scenario: Scenario, org: Any, events: list[dict[str, Any]]) -> None:
    body = {"events": [{"id": str(uuid4()), "meter": "api_calls"} | each for each in events]}
    answer = scenario.app.test_client().post("/api/v1/usage/events", json=body, headers=org.api("usage:write"))
    assert answer.get_json().get("recorded") == len(events), answer.get_json()


def export(scenario: Scenario, org: Any, query: str = "") -> Any:
    answer = scenario.app.test_client().get(f"{URL}?{query}", headers=org.api("usage:read"))
    assert answer.status_code == 200, answer.get_json()
    return answer


def by_json(scenario: Scenario, org: Any, query: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(scenario, org, f"format=jsonl&{query}").text.splitlines()]


@pytest.mark.slow
def test_both_formats_have_every_event_and_their_parts_sum_to_the_analytics(scenario: Scenario) -> None:
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events=st.lists(_EVENT, min_size=1, max_size=12))
    def each(events: list[dict[str, Any]]) -> None:
        org = scenario.org().on("pro")
        record(scenario, org, events)
        lines = by_json(scenario, org)
        table = list(csv.DictReader(io.StringIO(export(scenario, org).text, newline="")))
        assert [row["id"] for row in table] == [row["id"] for row in lines]
        assert len({row["id"] for row in table}) == len(events)
        assert [Decimal(row["quantity"]) for row in table] == [Decimal(row["quantity"]) for row in lines]
        assert [json.loads(row["metadata"]) if row["metadata"] else None for row in table] == [
            row["metadata"] for row in lines
        ]
        sums: Counter[str | None] = Counter()
        for row in lines:
            sums[row["kind"]] += Decimal(row["quantity"])  # type: ignore[assignment]
        said: Counter[str | None] = Counter()
        for row in org.reads("/usage/analytics?from=2026-11-01&to=2026-11-30&group_by=kind")["rows"]:
            said[row["value"]] += Decimal(row["quantity"])
        assert said == sums

    each()


def test_no_text_becomes_a_formula(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    record(scenario, org, [{"kind": "=1+1"}])
    assert ",'=1+1," in export(scenario, org).text


def test_filters_and_times_choose_events(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    record(scenario, org, [{"user": "ada"}, {"user": "bob", "occurred_at": "2026-11-02T10:00:00Z"}])
    assert [row["user"] for row in by_json(scenario, org, "user=bob")] == ["bob"]
    assert [row["user"] for row in by_json(scenario, org, "from=2026-11-03T00:00:00Z")] == ["ada"]
    assert [row["user"] for row in by_json(scenario, org, "to=2026-11-02T10:00:00Z")] == []
    assert by_json(scenario, scenario.org()) == []


def test_events_are_read_page_by_page(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    record(scenario, org, [{"quantity": "0.001"}] * (PAGE + 10))
    export(scenario, org)
    with scenario.statements() as asked:
        lines = by_json(scenario, org)
    assert len({line["id"] for line in lines}) == PAGE + 10
    assert len([each for each in asked if "usage_events" in each]) == 2


def test_an_export_is_audited_and_needs_the_scope(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    export(scenario, org)
    refused = scenario.app.test_client().get(URL, headers=org.api("usage:write"))
    assert (refused.status_code, refused.get_json()["code"]) == (403, "scope_missing")
    bad = scenario.app.test_client().get(f"{URL}?format=xml", headers=org.api("usage:read"))
    assert (bad.status_code, bad.get_json()["code"]) == (400, "invalid_request")
