"""Requests a minute: the plan's number for an organisation's keys, their own for staff."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from tests.scenario import Scenario

URL = "/api/v1/limits"


def ask(scenario: Scenario, headers: dict[str, str], times: int) -> list[int]:
    client = scenario.app.test_client()
    return [client.get(URL, headers=headers).status_code for _ in range(times)]


def with_settings(app: Flask, **changed: int) -> None:
    current = app.extensions["tollkeeper"]
    app.extensions["tollkeeper"] = replace(current, settings=replace(current.settings, **changed))


@pytest.fixture
def restored(scenario: Scenario):
    kept = scenario.app.extensions["tollkeeper"]
    yield scenario
    scenario.app.extensions["tollkeeper"] = kept


@pytest.mark.slow
def test_free_admits_120_a_minute_and_says_so(scenario: Scenario) -> None:
    org = scenario.org()
    first = scenario.app.test_client().get(URL, headers=org.api())
    assert first.headers["RateLimit-Policy"] == '"requests";q=120;w=60'
    assert first.headers["RateLimit"].startswith('"requests";r=119;')
    assert set(ask(scenario, org.api(), 119)) == {200}
    last = scenario.app.test_client().get(URL, headers=org.api())
    assert (last.status_code, last.get_json()["code"], last.get_json()["limit"]) == (429, "rate_limited", "120")
    assert "120 requests a minute" in last.get_json()["detail"]


@pytest.mark.slow
def test_each_node_admits_its_share_and_names_it(restored: Scenario) -> None:
    with_settings(restored.app, web_nodes=4)
    org = restored.org()
    assert ask(restored, org.api(), 31) == [200] * 30 + [429]
    refused = restored.app.test_client().get(URL, headers=org.api())
    assert refused.headers["RateLimit-Policy"] == '"requests";q=30;w=60'
    assert "30 of them on this server" in refused.get_json()["detail"]


def test_a_staff_key_has_a_number_of_its_own_and_spends_no_orgs(restored: Scenario) -> None:
    with_settings(restored.app, staff_requests_per_minute=5)
    org = restored.org()
    staff = restored.api("admin:read") | {"Tollkeeper-Organization": str(org.id)}
    assert ask(restored, staff, 6) == [200] * 5 + [429]
    answer = restored.app.test_client().get(URL, headers=org.api())
    assert answer.headers["RateLimit"].startswith('"requests";r=119;')
