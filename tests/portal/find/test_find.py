"""/find and /admin/find: pages, plans, invoices and organisations by a few words, of one's own organisation only."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from app.admin.find.pages import PAGES as STAFF_PAGES
from app.portal.find.pages import HELP, PAGES, PERSONAL
from app.portal.shell.finding import MOST_WORDS, matches, parse_words
from app.web.addresses import path_to
from tests.pages import text_of
from tests.scenario import Scenario

LINK = re.compile(r'<li><a href="([^"]+)"><span>([^<]+)</span>')


def found(browser: FlaskClient, words: str, path: str = "/find") -> dict[str, str]:
    """The titles that were found, with their addresses."""
    page = text_of(browser.get(path, query_string={"q": words}, headers={"HX-Request": "true", "HX-Target": "found"}))
    assert page.startswith('<div id="found"')
    return {title: href for href, title in LINK.findall(page)}


@pytest.mark.parametrize(
    ("words", "texts", "matching"),
    [("", ["Billing"], True), ("bill", ["Billing"], True), ("CARD bill", ["Billing", "payment card"], True),
     ("bill members", ["Billing"], False), ("ÜBER", ["Über uns"], True)],
)  # fmt: skip
def test_each_word_is_part_of_a_title_or_of_what_people_call_it(words: str, texts: list[str], matching: bool) -> None:
    assert matches(words, *texts) is matching


def test_what_was_typed_is_cut_and_cleaned() -> None:
    assert parse_words({"q": "  two \x00  words "}) == "two words"
    assert len(parse_words({"q": "x" * 1000})) == MOST_WORDS
    assert parse_words({}) == ""


def test_every_page_that_is_listed_opens_for_every_member(scenario: Scenario) -> None:
    viewer = scenario.org().uses(1).browser("viewer")
    with scenario.app.test_request_context():
        addresses = {page.title: path_to(page.endpoint) for page in (*PAGES, *PERSONAL, *HELP)}
    assert found(viewer, "") == addresses
    statuses = {title: viewer.get(address).status_code for title, address in addresses.items()}
    assert statuses == dict.fromkeys(addresses, 200)


def test_every_page_that_is_listed_opens_for_staff(scenario: Scenario) -> None:
    staff = scenario.staff()
    listed = found(staff, "", "/admin/find")
    assert set(listed) == {page.title for page in STAFF_PAGES}
    assert {title: staff.get(address).status_code for title, address in listed.items()} == dict.fromkeys(listed, 200)


@pytest.mark.parametrize(("who", "path"), [("owner", "/find"), ("staff", "/admin/find")])
def test_every_link_of_the_navigation_is_found_too(scenario: Scenario, who: str, path: str) -> None:
    browser = scenario.staff() if who == "staff" else scenario.org().browser()
    page = text_of(browser.get(path))
    links = set(re.findall(r'<a href="([^"]+)"', page.partition('<nav class="nav"')[2].partition("</nav>")[0]))
    elsewhere = {"/dashboard"} if who == "staff" else set()
    assert links - set(found(browser, "", path).values()) - elsewhere == {path}


def test_plans_are_found_by_name(scenario: Scenario) -> None:
    assert found(scenario.org().browser(), "pro")["Pro"] == "/plans/pro"
    assert found(scenario.staff(), "pro", "/admin/find")["Pro"] == "/admin/plans/pro"


def test_an_organisation_is_found_by_staff_and_by_nobody_else(scenario: Scenario) -> None:
    org = scenario.org()
    [[name]] = org.rows("SELECT name FROM orgs WHERE id = :org")
    assert found(scenario.staff(), name, "/admin/find") == {name: f"/admin/orgs/{org.id}"}
    assert found(scenario.org().browser(), name) == {}


def test_nothing_that_matches_is_said(scenario: Scenario) -> None:
    page = scenario.org().browser().get("/find?q=<b>nothing").get_data(as_text=True)
    assert "Nothing matches “&lt;b&gt;nothing”." in page


def test_customers_do_not_reach_the_search_of_staff(scenario: Scenario) -> None:
    assert scenario.org().browser().get("/admin/find").status_code in {403, 404}
