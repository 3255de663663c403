"""Filters of /usage: a press on a row, chips in the address, and figures that are those of the events."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import text

from tests.portal.usage.test_usage_page import read, rows, table_of
from tests.scenario import Org, Scenario

DAYS = "from=2026-11-01&to=2026-11-21"


@pytest.fixture
def org(scenario: Scenario) -> Org:
    made = scenario.org().uses(100, kind="scan", user="maya", provider="atlas")
    made.uses(50, at="2026-11-12 08:00", kind="scan", user="tom")
    made.uses(25, at="2026-11-12 09:00", user="tom")
    made.uses(8, at="2026-11-13 09:00", kind="copy", provider="atlas")
    return made.uses(60, at="2026-10-20 09:00", kind="scan", user="maya").uses(9, meter="tokens", kind="scan")


def link(page: str, words: str) -> str:
    """The address that these words open."""
    found = re.search(rf'href="([^"]+)"[^>]*>{re.escape(words)}<', page)
    assert found, words
    return unescape(found[1])


def total(page: str) -> str:
    return page.partition('<span class="stat-value">')[2].partition("<")[0]


@pytest.mark.parametrize("folded", [False, True])
def test_a_press_on_a_row_shows_only_its_events_and_a_chip_takes_it_back(
    scenario: Scenario, org: Org, folded: bool
) -> None:
    if folded:
        scenario.fold()
    browser = org.browser()
    page = read(browser, link(table_of(read(browser, f"/usage?{DAYS}&by=kind"), "By kind"), "scan"))
    assert total(page) == "150"
    assert "Kind: scan" in page
    back = re.search(r'class="chip" href="([^"]+)"', page)
    assert back is not None
    assert total(read(browser, unescape(back[1]))) == "183"


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    ("query", "used", "table"),
    [
        ("kind=scan&by=user", "150", {"maya": "100", "tom": "50"}),
        ("kind=scan&by=provider", "150", {"atlas": "100", "No provider": "50"}),
        ("kind=&by=user", "25", {"tom": "25"}),
        ("kind=&by=kind", "25", {"No kind": "25"}),
        ("kind=scan&provider=atlas&by=user", "100", {"maya": "100"}),
        ("provider=atlas&by=kind", "108", {"scan": "100", "copy": "8"}),
        ("provider=&by=hour", "75", {"08:00–09:00": "50", "09:00–10:00": "25"}),
    ],
)
def test_filters_are_combined_with_another_dimension(
    scenario: Scenario, org: Org, folded: bool, query: str, used: str, table: dict[str, str]
) -> None:
    if folded:
        scenario.fold()
    page = read(org.browser(), f"/usage?{DAYS}&{query}")
    listed = re.sub(r"</?a\b[^>]*>", "", page.partition('aria-label="Break down by"')[2].partition("</table>")[0])
    found = re.findall(r'data-label="Name">([^<]+)</th>.*?data-label="Calls"[^>]*>([\d,]+)<', listed)
    assert (total(page), dict(found)) == (used, table)


def test_the_days_before_are_filtered_too(org: Org) -> None:
    for query in ("kind=scan&by=kind", "kind=scan&by=user"):
        page = read(org.browser(), f"/usage?from=2026-11-10&to=2026-11-21&{query}")
        assert "No usage then" in page
        page = read(org.browser(), f"/usage?from=2026-11-01&to=2026-11-21&{query}")
        assert ">60<" in page
        assert "150 % more now" in page


def test_a_filter_that_nothing_matches_says_so_and_can_be_taken_back(org: Org) -> None:
    for query in ("kind=none", "kind=scan&provider=none", "user=00000000-0000-0000-0000-000000000001"):
        page = read(org.browser(), f"/usage?{DAYS}&{query}")
        assert "No usage with these filters" in page
        assert "Remove all filters" in page


@pytest.mark.parametrize("query", ["user=maya", "key=x", "client=1", f"kind={'k' * 256}", "kind=%00", "plan=pro"])
def test_what_no_event_can_name_is_no_filter(org: Org, query: str) -> None:
    assert total(read(org.browser(), f"/usage?{DAYS}&{query}")) == "183"


def test_another_orgs_user_is_found_nowhere(scenario: Scenario, org: Org) -> None:
    browser = org.browser()
    address = link(table_of(read(browser, f"/usage?{DAYS}&by=user"), "By user"), "maya")
    assert total(read(browser, address)) == "100"
    stranger = read(scenario.org().uses(7).browser(), address)
    assert "maya" not in stranger
    assert "No usage with these filters" in stranger


def test_an_erased_user_can_still_be_chosen(scenario: Scenario, org: Org) -> None:
    browser = org.browser()
    address = link(table_of(read(browser, f"/usage?{DAYS}&by=user"), "By user"), "maya")
    erased = text("UPDATE subjects SET label = NULL, erased_at = now() WHERE org_id = :org AND label = 'maya'")
    scenario.session.execute(erased, {"org": org.id})
    scenario.session.commit()
    for path in (address, address.replace("by=user", "by=kind")):
        page = read(browser, path)
        assert (total(page), "User: erased user" in page) == ("100", True)


@pytest.mark.parametrize("query", ["kind=scan&by=kind", "kind=scan&by=user", "kind=scan&provider=atlas&by=day"])
def test_a_filtered_page_asks_the_database_little(scenario: Scenario, org: Org, query: str) -> None:
    browser = org.browser()
    with scenario.statements() as asked:
        read(browser, f"/usage?{DAYS}&{query}")
    assert len(asked) <= 6, asked


@pytest.mark.parametrize(
    ("query", "figures"),
    [
        ("kind=scan", [("2026-11-10", "kind", "scan", "100"), ("2026-11-12", "kind", "scan", "50")]),
        ("kind=scan&by=user", [("2026-11-10", "user", "maya", "100"), ("2026-11-12", "user", "tom", "50")]),
        ("kind=scan&provider=atlas", [("2026-11-10", "", "", "100")]),
        ("kind=&by=kind", [("2026-11-12", "kind", "", "25")]),
    ],
)
def test_a_file_has_the_filtered_figures(org: Org, query: str, figures: list[tuple[str, ...]]) -> None:
    found = rows(org.browser(), f"/usage.csv?{DAYS}&{query}")[1:]
    assert [(row[0], row[3], row[4], row[5]) for row in found] == figures


def test_meters_that_do_not_add_up_take_one_filter(scenario: Scenario) -> None:
    plan = scenario.plan(aggregation="max")
    org = scenario.org().on(plan).uses(5, meter="units_max", kind="a").uses(9, meter="units_max", kind="b", user="tom")
    page = read(org.browser(), f"/usage?{DAYS}&meter=units_max&kind=a&user=&by=user")
    assert total(page) == "5"
    assert "Kind: a" in page
    assert 'class="chip"' in page
    assert page.count('class="chip"') == 1
