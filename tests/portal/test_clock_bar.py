"""The sandbox's bar: the clock moves by a form, forward only, and nowhere but in a sandbox."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.kit.clock import Clocks, OffsetClock, SystemClock
from app.kit.periods import month_of
from app.ops.clock.move import Patience
from tests.pages import text_of
from tests.scenario import Scenario
from tests.support.installation import opened
from tests.today import WRITTEN, start_at

SOON = timedelta(seconds=30)
"""How long a test takes at most: its clock runs."""


@pytest.fixture(scope="module")
def app(server: Path, clocks: Clocks) -> Iterator[Flask]:
    """On a database of its own: a moved clock brings due what every organisation in it waits for."""
    with opened(server, "bar", clocks) as made:
        yield made


@pytest.fixture
def moving(scenario: Scenario, tmp_path: Path) -> Iterator[OffsetClock]:
    """The clock that a sandbox has."""
    held = scenario.app.extensions["tollkeeper"]
    clock = OffsetClock(tmp_path / "clock")
    start_at(clock.path, WRITTEN)
    scenario.app.extensions["tollkeeper"] = replace(held, clocks=Clocks(business=clock, wall=SystemClock()))
    yield clock
    scenario.app.extensions["tollkeeper"] = held


def move(browser: FlaskClient, by: str, page: str = "/plans", **fields: str) -> tuple[int, str]:
    """Press a button of the bar on a page."""
    shown = browser.get(page).get_data(as_text=True)
    token = re.search(r'action="/sandbox/clock".*?name="csrf_token" value="([^"]+)"', shown, re.DOTALL)
    assert token is not None
    back = re.search(r'name="next" value="([^"]+)"', shown)
    assert back is not None
    sent = {"next": back[1].replace("&amp;", "&"), "by": by, "csrf_token": token[1]} | fields
    answer = browser.post("/sandbox/clock", data=sent)
    return answer.status_code, answer.headers.get("Location", "")


@pytest.mark.parametrize(("by", "span"), [("hour", timedelta(hours=1)), ("day", timedelta(days=1)),
                                          ("week", timedelta(weeks=1))])  # fmt: skip
def test_a_button_moves_the_business_clock_and_comes_back(
    scenario: Scenario, moving: OffsetClock, by: str, span: timedelta
) -> None:
    assert move(scenario.app.test_client(), by, "/plans?interval=year") == (303, "/plans?interval=year")
    assert timedelta(0) <= moving.now() - WRITTEN - span < SOON


def test_the_bar_shows_the_business_time(scenario: Scenario, moving: OffsetClock) -> None:
    moving.advance(timedelta(days=400))
    shown = scenario.app.test_client().get("/plans").get_data(as_text=True)
    bar = re.search(r'<form class="clock-form".*?</form>', shown, re.DOTALL)
    assert bar is not None
    assert f"{moving.now():%Y-%m-%dT%H}" in bar[0]


def test_the_end_of_the_period_is_the_orgs_own(scenario: Scenario, moving: OffsetClock) -> None:
    org = scenario.org(zone="Pacific/Auckland")
    moving.advance(timedelta(days=300))
    with scenario.app.app_context():
        from app.subscriptions import periods

        end = periods.ensure_period(scenario.session, org.id, moving.now(), moving.now()).ends_at
        scenario.session.commit()
    assert move(org.browser(), "period")[0] == 303
    assert timedelta(0) <= moving.now() - end < SOON


def test_without_an_org_the_period_is_the_calendar_month(scenario: Scenario, moving: OffsetClock) -> None:
    end = month_of(moving.now(), "UTC").end
    move(scenario.app.test_client(), "period")
    assert timedelta(0) <= moving.now() - end < SOON


@pytest.mark.parametrize("by", ["", "year", "-1", "hour "])
def test_other_spans_move_nothing(scenario: Scenario, moving: OffsetClock, by: str) -> None:
    assert move(scenario.app.test_client(), by)[0] == 400
    assert moving.now() - WRITTEN < SOON


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_the_way_back_never_leaves_the_site(scenario: Scenario, moving: OffsetClock, path: str) -> None:
    assert move(scenario.app.test_client(), "hour", next=path) == (303, "/")


def test_a_press_without_its_token_moves_nothing(scenario: Scenario, moving: OffsetClock) -> None:
    assert scenario.app.test_client().post("/sandbox/clock", data={"by": "week"}).status_code == 403
    assert moving.now() - WRITTEN < SOON


def shown(browser: FlaskClient) -> str:
    """The page after the press."""
    return text_of(browser.get("/plans"))


def test_the_page_tells_where_the_clock_stopped_and_why(scenario: Scenario, moving: OffsetClock) -> None:
    shared = scenario.app.extensions["tollkeeper"].shared(Patience)
    browser, shared.seconds = scenario.app.test_client(), 0.2
    scenario.session.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (clock_timestamp())"))
    scenario.session.commit()
    try:
        assert move(browser, "week")[0] == 303
    finally:
        shared.seconds = Patience.seconds
        for table in ("procrastinate_jobs", "procrastinate_workers"):
            scenario.session.execute(text(f"DELETE FROM {table}"))
        scenario.session.commit()
    assert re.search(r"The business clock stopped at 21 November 2026, 12:00 UTC: .*\(job \d+\) waits", shown(browser))
    assert moving.now() - WRITTEN < SOON


def test_a_second_press_is_told_that_the_clock_moves(scenario: Scenario, moving: OffsetClock) -> None:
    browser = scenario.app.test_client()
    with moving.path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert move(browser, "week")[0] == 303
    assert "The business clock is moving already." in shown(browser)
    assert moving.now() - WRITTEN < SOON


def test_in_production_there_is_neither_bar_nor_address(scenario: Scenario, moving: OffsetClock) -> None:
    browser = scenario.app.test_client()
    shown = browser.get("/plans").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown)
    assert token is not None
    held = scenario.app.extensions["tollkeeper"]
    scenario.app.extensions["tollkeeper"] = replace(held, settings=replace(held.settings, sandbox=False))
    assert "sandbox" not in browser.get("/plans").get_data(as_text=True).lower()
    answer = browser.post("/sandbox/clock", data={"by": "week", "csrf_token": token[1]})
    assert answer.status_code == 404
    assert moving.now() - WRITTEN < SOON


def test_a_clock_that_stands_still_is_no_sandboxs(scenario: Scenario) -> None:
    assert move(scenario.app.test_client(), "hour")[0] == 404
