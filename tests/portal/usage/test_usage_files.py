"""Files of the usage page: the events behind its figures, with its days, meter and filters."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.audit.queries import list_entries
from tests.portal.usage.test_usage_page import read
from tests.scenario import Org, Scenario
from tests.support.left_open import in_transaction

DAYS = "from=2026-11-10&to=2026-11-12"


@pytest.fixture
def org(scenario: Scenario) -> Org:
    made = scenario.org(zone="Asia/Tokyo").uses(100, at="2026-11-09 15:00", kind="scan", user="maya", status_code=200)
    made.uses(50, at="2026-11-12 14:59", kind="=cmd", user="tom", status_code=999)
    made.uses(25, at="2026-11-12 02:00", provider="atlas")
    made.uses(60, at="2026-11-12 15:00", kind="scan").uses(7, at="2026-11-09 14:59", kind="scan")
    return made.uses(9, meter="tokens")


def quantities(browser: FlaskClient, path: str) -> list[Decimal]:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    if ".jsonl" in path:
        found: list[dict[str, Any]] = [json.loads(line) for line in answer.text.splitlines()]
    else:
        found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert {row["meter"] for row in found} <= {"api_calls"}
    return sorted(Decimal(row["quantity"]) for row in found)


@pytest.mark.parametrize("name", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("query", "found"),
    [("", [25, 50, 100]), ("kind=scan", [100]), ("kind=", [25]), ("provider=atlas", [25]), ("status=other", [50]),
     ("status=200", [100]), ("status=", [25]), ("attempt=retry", []), ("attempt=", [25, 50, 100]), ("hour=23", [50]),
     ("hour=00&kind=scan", [100]), ("kind=none", []), ("language=", [25, 50, 100])],
)  # fmt: skip
def test_the_file_has_the_events_of_the_chosen_days_and_filters(
    org: Org, name: str, query: str, found: list[int]
) -> None:
    assert quantities(org.browser(), f"/usage/events.{name}?{DAYS}&{query}") == found


def test_the_page_links_to_files_of_the_same_events(org: Org) -> None:
    browser = org.browser()
    page = read(browser, f"/usage?{DAYS}&by=user")
    user = re.search(r'href="([^"]+)">maya<', page)
    assert user is not None
    page = read(browser, unescape(user[1]))
    links = [unescape(each) for each in re.findall(r'href="(/usage/events\.[^"]+)"', page)]
    assert [link.partition("?")[0] for link in links] == ["/usage/events.csv", "/usage/events.jsonl"]
    for link in links:
        assert quantities(browser, link) == [100]


def test_text_in_the_file_is_no_formula(org: Org) -> None:
    assert ",'=cmd," in org.browser().get(f"/usage/events.csv?{DAYS}").text


def test_the_export_is_audited_and_another_orgs_events_are_not_in_it(scenario: Scenario, org: Org) -> None:
    stranger = scenario.org()
    assert stranger.browser().get(f"/usage/events.jsonl?{DAYS}").text == ""
    assert org.browser("viewer").get(f"/usage/events.jsonl?{DAYS}").status_code == 200
    assert [row.act.action for row in list_entries(scenario.session, org.id, action="usage.exported")] == [
        "usage.exported"
    ]


def test_an_unknown_format_or_meter_is_not_found(org: Org) -> None:
    assert org.browser().get("/usage/events.xml").status_code == 404
    assert org.browser().get("/usage/events.csv?meter=none").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/usage.csv?meter=api_calls", "/usage.csv?meter=api_calls&kind=a", "/usage/events.csv?meter=api_calls",
        "/usage/events.jsonl?meter=api_calls", "/billing/usage/usage-charges.csv", "/billing/usage/late-usage.csv",
        "/billing/history.csv", "/billing/focus.csv?month=2026-11",
    ],
)  # fmt: skip
def test_a_file_that_was_sent_leaves_no_transaction_open(scenario: Scenario, path: str) -> None:
    browser = scenario.org().on("pro").uses(3, kind="a").browser()
    database = scenario.app.extensions["tollkeeper"].settings.owner_database_url
    scenario.session.rollback()
    gc.disable()  # which would end it sooner or later
    try:
        assert browser.get(path).status_code == 200
        assert in_transaction(database) == []
    finally:
        gc.enable()
