"""/usage and /usage.csv: every grouping, the address as the state, and the same numbers everywhere."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from app.portal.usage.view import _share
from tests.portal.stage import Cast, Stage, text_of


@pytest.fixture
def cast(stage: Stage) -> Cast:
    """An org with two kinds, two users, an untagged event, a client of odd name, and use in October."""
    made = stage.org(calls=100, kind="scan", user="maya", provider="atlas", endpoint="/v1/scan")
    stage.use(made.org, 50, at="2026-11-12 08:00", kind="=HYPERLINK(1)", user="tom")
    stage.use(made.org, 25, at="2026-11-12 09:00")
    stage.use(made.org, 60, at="2026-10-20 09:00", kind="scan")
    stage.use(made.org, 9, at="2026-11-12 09:00", meter="tokens")
    return made


def read(browser: FlaskClient, path: str) -> str:
    return text_of(browser.get(path))


def words(browser: FlaskClient) -> str:
    """The page's text, without its tags: a form's token or a file's version may hold any digits."""
    return re.sub(r"<[^>]*>", " ", read(browser, "/usage"))


def rows(browser: FlaskClient, path: str) -> list[list[str]]:
    answer = browser.get(path)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.get_data(as_text=True), newline="")))


def test_the_period_so_far_is_shown_first(cast: Cast) -> None:
    page = read(cast.browser, "/usage")
    assert '<span class="stat-value">175</span>' in page
    assert "scan" in page
    assert "As of" in page


@pytest.mark.parametrize("by", ["kind", "provider", "endpoint", "user", "client", "key"])
def test_the_lines_of_each_dimension_add_up_to_the_total(cast: Cast, by: str) -> None:
    page = read(cast.browser, f"/usage?by={by}")
    heading = page.index("By API key" if by == "key" else f"By {by}")
    table = page[heading : page.index("By day", heading)]
    figures = re.findall(r'data-label="Calls"[^>]*>([\d,]+)<', table)
    assert sum(int(each.replace(",", "")) for each in figures) == 175


def test_meters_are_listed_beside_each_other(cast: Cast) -> None:
    page = read(cast.browser, "/usage?by=meter")
    assert "API calls (calls)" in page
    assert "Tokens (tokens)" in page


def test_months_are_lines_that_open_to_their_days(cast: Cast) -> None:
    page = read(cast.browser, "/usage?period=12m")
    assert "Oct 2026" in page
    assert "/usage?from=2026-10-01&to=2026-10-31" in page


def test_the_days_before_are_compared(cast: Cast) -> None:
    page = read(cast.browser, "/usage?from=2026-11-01&to=2026-11-21")
    assert "Period before" in page
    assert "191 % more now" in page


@pytest.mark.parametrize(
    "query",
    ["from=2026-11-31&to=x", "from=x", "period=never", "by=colour", "span=week", "from=9999-12-31&to=0001-01-01",
     "from=2026-11-21&to=2026-11-01", "from=1999-01-01&to=2026-11-01"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_still_shows_a_page(cast: Cast, query: str) -> None:
    read(cast.browser, f"/usage?{query}")


def test_an_unknown_meter_is_not_found(cast: Cast) -> None:
    assert cast.browser.get("/usage?meter=nope").status_code == 404
    assert cast.browser.get("/usage.csv?meter=nope").status_code == 404


def test_the_same_number_stands_on_page_api_and_file(stage: Stage, cast: Cast) -> None:
    dashboard = read(cast.browser, "/dashboard")
    current = stage.app.test_client().get("/api/v1/usage/current", headers=stage.key(cast.org)).get_json()
    history = stage.app.test_client().get("/api/v1/usage/history?months=1", headers=stage.key(cast.org)).get_json()
    stage.fold()
    after = rows(cast.browser, "/usage.csv")
    assert "<strong>175</strong> of 1,000 calls" in dashboard
    assert current["meters"][0]["used"] == "175"
    assert history["months"][0]["meters"][0]["used"] == "175"
    assert sum(int(row[5]) for row in after[1:]) == 175
    assert '<span class="stat-value">175</span>' in read(cast.browser, "/usage")


def test_a_period_that_begins_within_a_day_says_what_its_counter_says(stage: Stage) -> None:
    cast = stage.org()
    stage.use(cast.org, 40, at="2026-11-21 08:00")
    with stage.app.app_context():
        from app.catalog.queries import find_newest_version
        from app.kit.actor import SYSTEM
        from app.metering.verification.recount import recount
        from app.subscriptions.service import assign_plan
        from app.web.database import transaction

        with transaction() as session:
            pro = find_newest_version(session, "pro")
            assert pro is not None
            change = assign_plan(session, cast.org, pro.id, interval="month", currency="USD", actor=SYSTEM,
                                 now=stage.clock.at)  # fmt: skip
            assert change.recount_from is not None
            recount(session, cast.org, change.recount_from, stage.clock.at)
    stage.use(cast.org, 3, at="2026-11-21 12:00:00")
    current = stage.app.test_client().get("/api/v1/usage/current", headers=stage.key(cast.org)).get_json()
    assert current["meters"][0]["used"] == "3"
    assert '<span class="stat-value">3</span>' in read(cast.browser, "/usage")
    assert [row[5] for row in rows(cast.browser, "/usage.csv")[1:]] == ["3"]


def test_a_file_of_a_dimension_has_no_formula_in_it(cast: Cast) -> None:
    found = rows(cast.browser, "/usage.csv?by=kind")
    assert found[0] == ["day", "meter", "unit", "by", "value", "quantity", "events"]
    assert ["2026-11-12", "api_calls", "call", "kind", "'=HYPERLINK(1)", "50", "1"] in found


def test_a_file_names_people_as_the_page_does(cast: Cast) -> None:
    assert {row[4] for row in rows(cast.browser, "/usage.csv?by=user")[1:]} == {"maya", "tom"}


def test_a_file_over_months_holds_every_day_once(cast: Cast) -> None:
    found = rows(cast.browser, "/usage.csv?from=2026-10-01&to=2026-11-21")
    assert [(row[0], row[5]) for row in found[1:]] == [
        ("2026-10-20", "60"), ("2026-11-10", "100"), ("2026-11-12", "75"),
    ]  # fmt: skip


def test_refused_events_are_listed_with_their_reason(stage: Stage) -> None:
    cast = stage.org(calls=1000)
    client = stage.app.test_client()
    client.post("/api/v1/usage/events", json={"id": "a", "meter": "no_such"}, headers=stage.key(cast.org))
    client.post("/api/v1/usage/events", json={"id": "b", "meter": "api_calls"}, headers=stage.key(cast.org))
    page = read(cast.browser, "/usage")
    assert "No such meter" in page
    assert "A limit is reached." in page


def test_an_org_without_use_is_told_so(stage: Stage) -> None:
    assert "Nothing used in these days" in read(stage.org().browser, "/usage")


@pytest.mark.parametrize("query", ["", "?by=user", "?period=12m&span=month", "?by=meter"])
def test_the_page_asks_the_database_little(stage: Stage, cast: Cast, query: str) -> None:
    with stage.statements() as asked:
        read(cast.browser, f"/usage{query}")
    assert len(asked) + 1 <= 6, asked


def test_the_table_is_a_fragment_of_the_page(cast: Cast) -> None:
    part = cast.browser.get("/usage", headers={"HX-Request": "true", "HX-Target": "usage_table"})
    assert part.get_data(as_text=True).strip() in cast.browser.get("/usage").get_data(as_text=True)


def test_another_orgs_use_is_nowhere(stage: Stage, cast: Cast) -> None:
    stranger = stage.org().browser
    total = re.compile(r"\b175\b")
    assert total.search(words(cast.browser))
    assert not total.search(words(stranger))
    assert len(rows(stranger, "/usage.csv")) == 1


@pytest.mark.parametrize(("part", "share"), [("30.6", 31), ("30.5", 31), ("30.4", 30), ("-3", 0), ("100", 100)])
def test_a_share_is_rounded_and_not_cut_off(part: str, share: int) -> None:
    assert _share(Decimal(part), Decimal(100)) == share
