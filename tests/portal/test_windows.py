"""Limits by the minute, hour and day: the dashboard, the comparison and the API show the same window."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask import Response
from flask.testing import FlaskClient

from app.kit.periods import Period
from app.statements import windows
from app.statements.ahead import Pace
from app.statements.figures import MeterFigures, MeterUse, UsageTerms, compute_figures
from app.statements.windows import Window, parse_windows
from tests import factories
from tests.portal.dashboard.test_dashboard import read
from tests.portal.usage.test_usage_calls import call, meter
from tests.scenario import Scenario
from tests.statements.test_figures import END, START
from tests.support.copy import copy
from tests.support.terms import usage_terms

D = Decimal
REACHED = copy("dashboard.window_full", most="500", meters="API calls", until="22 Nov, 00:00 Europe/Berlin")


def send(scenario: Scenario, org: UUID, quantity: int) -> int:
    """Use API calls now, under all limits: the status of the answer."""
    body = {"id": factories.unique("event"), "meter": "api_calls", "quantity": quantity}
    client: FlaskClient = scenario.app.test_client()
    return client.post("/api/v1/usage/events", json=body, headers=org.api()).status_code


def made(
    *open_windows: Window, terms: UsageTerms | None = None, used: str = "7", aggregation: str = "sum"
) -> MeterFigures:
    pace = Pace(Period(START, END), START, START + timedelta(days=10))
    return compute_figures("calls", "API calls", "call", aggregation, terms=terms or usage_terms("block", D(1000)),
                   use=MeterUse(D(used)), pace=pace, windows=open_windows)  # fmt: skip


def test_the_dashboard_says_how_much_of_the_day_is_used(scenario: Scenario) -> None:
    org = scenario.org(zone="Europe/Berlin")
    assert copy("dashboard.window", most="500", span="day", used="0", now="today") in read(org.browser())
    assert send(scenario, org, 320) < 300
    page = read(org.browser())
    assert copy("dashboard.window", most="500", span="day", used="320", now="today") in page
    assert "is reached" not in page


def test_a_full_day_is_said_with_the_hour_at_which_it_ends(scenario: Scenario) -> None:
    org = scenario.org(zone="Europe/Berlin")
    assert send(scenario, org, 500) < 300
    assert send(scenario, org, 1) == 429
    page = read(org.browser())
    assert f'<p data-announce="">{REACHED}</p>' in page or f"<p data-announce>{REACHED}</p>" in page
    assert 'class="prompt is-strong"' in page
    assert copy("dashboard.window_prompt", meters="API calls", most="500") in page
    scenario.clock.at += timedelta(hours=12)
    assert "is reached" not in read(org.browser())


def test_the_api_lists_the_windows_that_the_page_shows(scenario: Scenario) -> None:
    org = scenario.org(zone="Europe/Berlin")
    send(scenario, org, 320)
    found = call(scenario, org, "/usage/current")
    assert meter(found)["windows"] == [
        {"span": "day", "limit": "500", "used": "320", "resets_at": "2026-11-21T23:00:00Z"}
    ]
    assert meter(found, "tokens")["windows"] == []
    assert copy("dashboard.window", most="500", span="day", used="320", now="today") in read(org.browser())


def test_the_comparison_has_a_line_for_each_window_that_some_plan_has(scenario: Scenario) -> None:
    page = read(scenario.app.test_client(), "/plans")
    line = page[page.index("API calls a day") :].split("</tr>")[0]
    assert "500" in line
    assert "No limit" in line
    assert "API calls an hour" not in page


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ("minute", copy("dashboard.window", most="60", span="minute", used="3", now="this minute")),
        ("hour", copy("dashboard.window_an", most="60", span="hour", used="3", now="this hour")),
    ],
)
def test_minutes_and_hours_have_their_own_words(span: str, words: str) -> None:
    assert windows.describe_windows([Window(span, D(60), D(3), END)]) == words


def test_a_meter_without_windows_says_nothing_of_them() -> None:
    assert windows.describe_windows(parse_windows(None)) is None
    assert made().shut is None


def test_of_two_full_windows_the_longer_is_named() -> None:
    day, hour = Window("day", D(5), D(5), END), Window("hour", D(5), D(5), START)
    assert made(hour, day).shut == day


def test_a_period_that_refuses_by_itself_is_what_is_said() -> None:
    assert made(Window("day", D(5), D(5), END), used="1000").shut is None


def test_a_greatest_value_is_met_and_not_used_up() -> None:
    assert made(Window("day", D(5), D(5), END), aggregation="max").shut is None


def test_a_full_day_refuses_where_the_period_would_bill() -> None:
    day = Window("day", D(5), D(5), END)
    assert made(day, terms=usage_terms("charge", D(10)), used="20").shut == day


def test_the_fullest_limit_decides_sentence_colour_and_prompt(scenario: Scenario) -> None:
    """482 of 500 today is 48 % of the month, and nothing to call fine."""
    org = scenario.org(zone="Europe/Berlin")
    assert send(scenario, org, 482) < 300
    page = read(org.browser())
    until = "22 Nov, 00:00 Europe/Berlin"
    assert copy("dashboard.window_tight", percent="96", most="500", meters="API calls", until=until) in page
    assert copy("dashboard.window_tight_prompt", meters="API calls", percent="96") in page
    assert "All fine" not in page
    assert 'class="meter is-high"' in page


@pytest.mark.parametrize(
    ("day", "used", "pressure"),
    [(390, "7", "ok"), (400, "7", "near"), (450, "7", "high"), (500, "7", "full"), (400, "850", "near"),
     (499, "950", "high"), (10, "1000", "full")],
)  # fmt: skip
def test_the_bar_has_the_colour_of_the_fullest_limit(day: int, used: str, pressure: str) -> None:
    assert made(Window("day", D(500), D(day), END), used=used).pressure == pressure


def test_a_window_that_is_less_full_than_the_period_says_nothing() -> None:
    assert made(Window("day", D(500), D(400), END), used="850").tight is None
    assert made(Window("day", D(500), D(450), END), aggregation="max").tight is None


@pytest.mark.parametrize("batch", [False, True])
def test_what_a_day_refused_before_an_upgrade_is_told_of_the_period_that_ended(scenario: Scenario, batch: bool) -> None:
    """M8: sent again on the new plan, it still belongs to a day of the old one, and no plan makes room there."""
    org, late = scenario.org(), {"id": "late", "meter": "api_calls", "occurred_at": "2026-11-21T11:00:00Z"}
    body = {"events": [late]} if batch else late

    def refusal() -> tuple[Response, dict[str, Any]]:
        answer = scenario.client.post("/api/v1/usage/events", json=body, headers=org.key)
        return answer, answer.get_json()["refused"][0] if batch else answer.get_json()

    assert org.reports(500) == 200
    assert refusal()[1]["upgrade_url"]
    org.on("pro", since="2026-11-21 12:00")
    answer, told = refusal()
    assert (told["code"], told["resets_at"], told.get("upgrade_url")) == ("quota_exceeded", None, None)
    assert "Retry-After" not in answer.headers
    span = "in the day from 2026-11-21T00:00:00Z to 2026-11-21T12:00:00Z"
    assert told["detail"] == f"500 of 500 api_calls were used {span}; 1 more would exceed the limit."
    assert org.may_use(1)
