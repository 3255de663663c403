"""/usage and /usage.csv: every grouping, the address as the state, and the same numbers everywhere."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from app.portal.usage.comparing import describe_change, round_share
from app.portal.usage.refusals import build_refused_rows
from app.statements.wording import format_days
from app.web.problems import PROBLEMS
from tests import factories
from tests.pages import text_of
from tests.scenario import Org, Scenario, mirrors
from tests.support.copy import copy


@pytest.fixture
def org(scenario: Scenario) -> Org:
    """An org with two kinds, two users, an untagged event, a client of odd name, and use in October."""
    made = scenario.org().uses(100, kind="scan", user="maya", provider="atlas", endpoint="/v1/scan")
    made.uses(50, at="2026-11-12 08:00", kind="=HYPERLINK(1)", user="tom")
    made.uses(25, at="2026-11-12 09:00")
    made.uses(60, at="2026-10-20 09:00", kind="scan")
    made.uses(9, at="2026-11-12 09:00", meter="tokens")
    return made


def read(browser: FlaskClient, path: str) -> str:
    return text_of(browser.get(path))


def words(browser: FlaskClient) -> str:
    """The page's text, without its tags: a form's token or a file's version may hold any digits."""
    return re.sub(r"<[^>]*>", " ", read(browser, "/usage"))


def table_of(page: str, caption: str) -> str:
    """The table of this caption."""
    return page.partition(f">{caption}</caption>")[2].partition("</table>")[0]


def rows(browser: FlaskClient, path: str) -> list[list[str]]:
    answer = browser.get(path)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.get_data(as_text=True), newline="")))


def test_the_period_so_far_is_shown_first(org: Org) -> None:
    page = read(org.browser(), "/usage")
    assert '<span class="stat-value">175</span>' in page
    assert "scan" in page
    assert "As of" in page


@pytest.mark.parametrize("by", ["kind", "provider", "endpoint", "user", "client", "key"])
def test_the_lines_of_each_dimension_add_up_to_the_total(org: Org, by: str) -> None:
    page = read(org.browser(), f"/usage?by={by}")
    table = table_of(page, "By API key" if by == "key" else f"By {by}")
    figures = re.findall(r'data-label="Calls"[^>]*>([\d,]+)<', table)
    assert sum(int(each.replace(",", "")) for each in figures) == 175


def test_meters_are_listed_beside_each_other(org: Org) -> None:
    page = read(org.browser(), "/usage?by=meter")
    assert "API calls (calls)" in page
    assert "Tokens (tokens)" in page


def test_months_are_lines_that_open_to_their_days(org: Org) -> None:
    page = read(org.browser(), "/usage?period=12m")
    assert "Oct 2026" in page
    assert "/usage?from=2026-10-01&to=2026-10-31" in page


def test_the_days_before_are_compared(org: Org) -> None:
    page = read(org.browser(), "/usage?from=2026-11-01&to=2026-11-21")
    assert copy("usage.before", days="11–31 Oct 2026") in page
    assert re.search(r'href="/usage\?period=before[^"]*"[^>]*>(?:(?!</a>).)*1–31 Oct 2026', page)
    assert "191 % more now" in page


@pytest.mark.parametrize(
    "query",
    ["from=2026-11-31&to=x", "from=x", "period=never", "by=colour", "span=week", "from=9999-12-31&to=0001-01-01",
     "from=2026-11-21&to=2026-11-01", "from=1999-01-01&to=2026-11-01"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_still_shows_a_page(org: Org, query: str) -> None:
    read(org.browser(), f"/usage?{query}")


def test_an_unknown_meter_is_not_found(org: Org) -> None:
    assert org.browser().get("/usage?meter=nope").status_code == 404
    assert org.browser().get("/usage.csv?meter=nope").status_code == 404


def test_the_same_number_stands_on_page_api_and_file(scenario: Scenario, org: Org) -> None:
    dashboard = read(org.browser(), "/dashboard")
    current = scenario.app.test_client().get("/api/v1/usage/current", headers=org.api()).get_json()
    history = scenario.app.test_client().get("/api/v1/usage/history?months=1", headers=org.api()).get_json()
    scenario.fold()
    after = rows(org.browser(), "/usage.csv")
    assert "<strong>175</strong> of 1,000 calls" in dashboard
    assert current["meters"][0]["used"] == "175"
    assert history["months"][0]["meters"][0]["used"] == "175"
    assert sum(int(row[5]) for row in after[1:]) == 175
    assert '<span class="stat-value">175</span>' in read(org.browser(), "/usage")


def test_a_period_that_begins_within_a_day_says_what_its_counter_says(scenario: Scenario) -> None:
    org = scenario.org()
    org.uses(40, at="2026-11-21 08:00")
    with scenario.app.app_context():
        from app.catalog.queries import find_newest_version
        from app.kit.actor import SYSTEM
        from app.metering.verification.move import move_usage
        from app.subscriptions.service import assign_plan
        from app.web.database import transaction

        with transaction() as session:
            pro = find_newest_version(session, "pro")
            assert pro is not None
            change = assign_plan(session, org.id, pro.id, interval="month", currency="USD", actor=SYSTEM,
                                 now=scenario.clock.at)  # fmt: skip
            assert change.moved_from is not None
            move_usage(session, org.id, change.moved_from, scenario.clock.at)
    org.uses(3, at="2026-11-21 12:00:00")
    current = scenario.app.test_client().get("/api/v1/usage/current", headers=org.api()).get_json()
    assert current["meters"][0]["used"] == "3"
    assert '<span class="stat-value">3</span>' in read(org.browser(), "/usage")
    assert [row[5] for row in rows(org.browser(), "/usage.csv")[1:]] == ["3"]


def test_a_file_of_a_dimension_has_no_formula_in_it(org: Org) -> None:
    found = rows(org.browser(), "/usage.csv?by=kind")
    assert found[0] == ["day", "meter", "unit", "by", "value", "quantity", "events"]
    assert ["2026-11-12", "api_calls", "call", "kind", "'=HYPERLINK(1)", "50", "1"] in found


def test_a_file_names_people_as_the_page_does_and_leaves_the_name_empty_where_there_is_none(org: Org) -> None:
    found = {(row[4], row[5]) for row in rows(org.browser(), "/usage.csv?by=user")[1:]}
    assert found == {("maya", "100"), ("tom", "50"), ("", "25")}


def test_a_file_can_say_that_it_is_utf_8(org: Org) -> None:
    address = re.search(r'href="([^"]+)"[^>]*>(?:(?!</a>).)*CSV for Excel', read(org.browser(), "/usage"))
    assert address is not None
    found = rows(org.browser(), address[1].replace("&amp;", "&"))
    assert found[0][0] == "\ufeffday"
    assert rows(org.browser(), "/usage.csv")[0][0] == "day"


def test_values_beyond_the_largest_share_a_row(scenario: Scenario) -> None:
    org = scenario.org()
    for number in range(203):
        org.uses(1, user=f"u{number}")
    page = read(org.browser(), "/usage?by=user")
    assert "3 others" in page
    assert "No user" not in page


def test_a_file_over_months_holds_every_day_once(org: Org) -> None:
    found = rows(org.browser(), "/usage.csv?from=2026-10-01&to=2026-11-21")
    assert [(row[0], row[5]) for row in found[1:]] == [
        ("2026-10-20", "60"), ("2026-11-10", "100"), ("2026-11-12", "75"),
    ]  # fmt: skip


def refused_rows(browser: FlaskClient) -> list[str]:
    listed = table_of(read(browser, "/usage"), "Refused events")
    return [re.sub(r"<svg.*?</svg>", "", row) for row in re.findall(r"<tr><th scope=.row.*?</tr>", listed, re.DOTALL)]


def test_refused_events_are_grouped_by_reason_with_what_mends_it(scenario: Scenario) -> None:
    org = scenario.org().uses(1000)
    client = scenario.app.test_client()
    headers = org.api()
    for number in range(60):
        sent = {"id": f"a{number}", "meter": f"no_such_{number}"}
        client.post("/api/v1/usage/events", json=sent, headers=headers)
    for number in range(3):
        client.post("/api/v1/usage/events", json={"id": f"b{number}", "meter": "api_calls"}, headers=headers)
    rows = {row.partition(copy("usage.no_meter"))[1] or "limit": row for row in refused_rows(org.browser())}
    assert len(rows) == 2
    unknown, limit = rows[copy("usage.no_meter")], rows["limit"]
    assert ">60<" in unknown
    assert "<code>a59</code>" in unknown
    assert "/docs/problems/unknown_meter" in unknown
    assert copy("usage.limit_reached", meter="API calls") in limit
    assert ">3<" in limit
    assert 'href="/plans"' in limit


def test_every_reason_links_to_a_page_that_is_there(scenario: Scenario) -> None:
    org = scenario.org()
    with scenario.app.app_context():
        row = SimpleNamespace(meter=None, events=1, at=scenario.clock.at, by_hour=False, event_id="", detail="")
        found = build_refused_rows([SimpleNamespace(**vars(row), code=code) for code in PROBLEMS])
    for href in {row.href for row in found}:
        read(org.browser(), href)


def test_on_paper_usage_and_billing_name_the_organisation_and_the_days(scenario: Scenario, org: Org) -> None:
    name = scenario.session.get_one(factories.Org, org.id).name
    usage = re.sub(r"<[^>]*>", "", read(org.browser(), "/usage?from=2026-11-01&to=2026-11-12"))
    assert f"{name}. API calls, 1 Nov 2026 to 12 Nov 2026. As of 21 Nov 2026, 12:00 UTC" in usage
    payer = mirrors.payer(scenario, records=2)
    billing = re.sub(r"<[^>]*>", "", read(payer.browser(), "/billing"))
    assert "Payments from 2 Oct 2026 to 1 Nov 2026" in billing


def test_refusals_that_were_only_counted_belong_to_their_reason(scenario: Scenario) -> None:
    org = scenario.org()
    batch = [{"id": f"c{number}", "meter": "no_such"} for number in range(250)]
    scenario.app.test_client().post("/api/v1/usage/events", json={"events": batch}, headers=org.api())
    [row] = refused_rows(org.browser())
    assert ">250<" in row
    assert "hour from" in row


def test_an_org_without_use_is_told_so(scenario: Scenario) -> None:
    assert copy("usage.none") in read(scenario.org().browser(), "/usage")


@pytest.mark.parametrize("query", ["", "?by=user", "?period=12m&span=month", "?by=meter"])
def test_the_page_asks_the_database_little(scenario: Scenario, org: Org, query: str) -> None:
    browser = org.browser()
    with scenario.statements() as asked:
        read(browser, f"/usage{query}")
    assert len(asked) <= 6, asked


def test_the_table_is_a_fragment_of_the_page(org: Org) -> None:
    part = org.browser().get("/usage", headers={"HX-Request": "true", "HX-Target": "usage_table"})
    assert part.get_data(as_text=True).strip() in org.browser().get("/usage").get_data(as_text=True)


def test_another_orgs_use_is_nowhere(scenario: Scenario, org: Org) -> None:
    stranger = scenario.org().browser()
    total = re.compile(r"\b175\b")
    assert total.search(words(org.browser()))
    assert not total.search(words(stranger))
    assert len(rows(stranger, "/usage.csv")) == 1


def test_a_small_share_is_less_than_one_percent_not_none(scenario: Scenario) -> None:
    org = scenario.org().on("pro").uses(215, kind="small").uses(60_711, kind="big")
    table = table_of(read(org.browser(), "/usage?by=kind"), "By kind")
    row = table[table.index(">small<") :].partition("</tr>")[0]
    assert "<1 %" in row
    few = scenario.org().on("pro").uses(3)
    assert "<1 %" in read(few.browser(), "/dashboard")


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [("2026-11-21", "2026-11-21", "21 Nov 2026"), ("2026-11-01", "2026-11-21", "1–21 Nov 2026"),
     ("2026-09-28", "2026-10-04", "28 Sep – 4 Oct 2026"), ("2025-12-30", "2026-01-02", "30 Dec 2025 – 2 Jan 2026")],
)  # fmt: skip
def test_days_are_named_in_short(first: str, last: str, words: str) -> None:
    assert format_days(date.fromisoformat(first), date.fromisoformat(last)) == words


@pytest.mark.parametrize(
    ("total", "before", "words"),
    [("230769", "100", "About 2,300 times as much now"), ("1100", "100", "About 11 times as much now"),
     ("1099", "100", "999 % more now"), ("50", "100", "50 % less now"), ("5", "0", "No usage then")],
)  # fmt: skip
def test_growth_of_ten_times_and_more_is_a_multiple(total: str, before: str, words: str) -> None:
    assert describe_change(Decimal(total), Decimal(before))[0] == words


@pytest.mark.parametrize(
    ("part", "share"), [("0.9", 0), ("1", 1), ("30.6", 31), ("30.5", 31), ("30.4", 30), ("-3", 0), ("100", 100)]
)
def test_a_share_is_rounded_and_not_cut_off(part: str, share: int) -> None:
    assert round_share(Decimal(part), Decimal(100)) == share
