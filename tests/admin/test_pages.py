"""The staff's pages: totals, organisations, giving a plan, suspending; and that nobody else finds them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.admin.owing import list_owing
from app.audit.queries import keep_changes
from tests import factories
from tests.pages import send, text_of
from tests.scenario import Scenario
from tests.scenario.mirrors import payer
from tests.support.copy import copy


def read(browser: FlaskClient, path: str) -> str:
    return text_of(browser.get(path)).replace("<wbr>", "")


def press(browser: FlaskClient, page: str, action: str, **fields: str) -> tuple[int, str]:
    """Send a form of a page as a browser does, with its token."""
    answer = send(browser, action, page, **fields)
    return answer.status_code, html.unescape(answer.text)


def offer(browser: FlaskClient, org: object, words: str) -> str:
    """The value of the choice with these words."""
    found = re.search(rf'value="([^"]+)"[^>]*>{re.escape(words)}<', read(browser, f"/admin/orgs/{org}"))
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/admin", "/admin/orgs", "/admin/orgs/00000000-0000-7000-8000-00000000dead"])
def test_nobody_else_finds_the_staffs_pages(scenario: Scenario, path: str) -> None:
    assert scenario.org().browser().get(path).status_code == 404
    assert scenario.app.test_client().get(path).status_code == 303


def test_the_overview_shows_the_last_days_of_each_meter_and_leads_to_its_usage(scenario: Scenario) -> None:
    meter = factories.unique("metered").replace("-", "_")
    org = scenario.org().on(scenario.plan(meter=meter, policy="warn"))
    org.uses(40_000, meter=meter).uses(2_000, meter=meter, at="2026-10-22 12:00")
    page = html.unescape(read(scenario.staff(), "/admin"))
    shown = page.partition('id="usage"')[2].partition("</section>")[0]
    href = rf'<a href="/admin/analytics/usage\?meter={meter}&days=30d">Units</a>'
    row = re.search(rf"<tr>(?:(?!</tr>).)*{href}.*?</tr>", shown, re.DOTALL)
    assert row is not None
    assert re.findall(r'class="num">([0-9,]+)<', row[0]) == ["40,000", "2,000"]
    assert "Roll-ups" in page


def test_the_overview_lists_who_is_past_due_and_what_they_owe(scenario: Scenario) -> None:
    late, limited, pays = (
        payer(scenario, state="past_due"),
        payer(scenario, state="past_due", limited=True),
        payer(scenario),
    )
    page = read(scenario.staff(), "/admin")
    listed = page.partition('id="past-due"')[2].partition("</section>")[0]
    rows = {
        org.id: re.search(rf"<tr>(?:(?!</tr>).)*{org.id}.*?</tr>", listed, re.DOTALL) for org in (late, limited, pays)
    }
    assert rows[pays.id] is None
    for org, since, limits in ((late, "21 Nov", "Restricted from"), (limited, "13 Nov", ">Restricted<")):
        row = rows[org.id]
        assert row is not None, listed
        assert "Pro" in row[0]
        assert "$49.00" in row[0]
        assert since in row[0]
        assert limits in re.sub(r"<svg.*?</svg>", "", row[0])
    assert listed.index(str(limited.id)) < listed.index(str(late.id))  # the longest overdue first


def test_what_each_owes_is_read_for_a_bounded_number_of_orgs(scenario: Scenario) -> None:
    payer(scenario, state="past_due"), payer(scenario, state="past_due")
    with scenario.app.app_context():
        owing = list_owing(scenario.session, scenario.clock.now(), limit=1)
    assert len(owing.rows) == 1
    assert owing.total >= 2


def test_orgs_are_found_by_name_and_by_a_members_address(scenario: Scenario) -> None:
    name = factories.unique("100%_Sure")
    org = scenario.org(name=name)
    with scenario.app.app_context():
        email = scenario.session.get_one(factories.User, org.owner).email
    staff = scenario.staff()
    for search in (name, name.upper(), email, email[:12].upper()):
        page = staff.get("/admin/orgs", query_string={"q": search})
        assert name in html.unescape(page.get_data(as_text=True))
    assert copy("admin.no_match") in read(staff, "/admin/orgs?q=%25%25%25nothing")


def test_orgs_are_paged_newest_first(scenario: Scenario) -> None:
    word = factories.unique("paged")
    for number in range(27):
        scenario.org(name=f"{word} {number:02}")
    staff = scenario.staff()
    first = read(staff, f"/admin/orgs?q={word}")
    assert first.index(f"{word} 26") < first.index(f"{word} 25")
    assert f"{word} 01" not in first
    following = re.search(r'href="(/admin/orgs\?[^"]*next=[^"]+)"', first)
    assert following is not None
    assert f"{word} 01" in read(staff, following[1])


def test_the_audit_shows_the_changed_fields_only(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro", since=f"{scenario.clock.at:%Y-%m-%d %H:%M}"), scenario.staff()
    value = offer(staff, org.id, "Pro, $490.00 a year, USD")
    press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/plan", offer=value)
    page = read(staff, f"/admin/orgs/{org.id}")
    row = page[page.index("Plan assigned") :].partition("</tr>")[0]
    assert "interval year" in row
    assert "USD" not in row


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [(None, {"a": 1}, ({}, {"a": 1})), ({"a": 1, "b": 2}, {"a": 1, "b": 3}, ({"b": 2}, {"b": 3})),
     ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3}}, ({"a": {"y": 2}}, {"a": {"y": 3}})),
     ({"a": None}, {}, ({"a": None}, {})), ({"a": 1}, {"a": 1}, ({}, {}))],
)  # fmt: skip
def test_what_did_not_change_is_left_out(before: Any, after: Any, kept: Any) -> None:
    assert keep_changes(before, after) == kept


def test_an_org_shows_members_bars_events_and_audit(scenario: Scenario) -> None:
    org = scenario.org().uses(950)
    page = read(scenario.staff(), f"/admin/orgs/{org.id}")
    assert "<strong>950</strong> of 1,000 calls" in page
    assert "@example.com" in page
    assert "Organisation created" in page


def test_a_given_plan_holds_at_once_and_stands_in_the_audit_chain(scenario: Scenario) -> None:
    org, staff = scenario.org().uses(950), scenario.staff()
    value = offer(staff, org.id, "Pro, $49.00 a month, USD")
    status, _ = press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/plan", offer=value)
    assert status == 303
    page = read(staff, f"/admin/orgs/{org.id}")
    assert copy("admin.plan_given", offer="Pro, $49.00 a month, USD") in page
    assert "Plan assigned" in page
    current = scenario.app.test_client().get("/api/v1/usage/current", headers=org.api()).get_json()
    calls = current["meters"][0]
    assert (current["plan"]["key"], calls["limit"], calls["policy"]) == ("pro", "50000", "charge")
    assert current["period"]["start"] == "2026-11-21T12:00:00Z"


def test_what_fell_into_the_new_period_is_counted_there(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    org.uses(5, at="2026-11-21 11:00")
    org.uses(7, at="2026-11-21 12:01")
    value = offer(staff, org.id, "Pro, $49.00 a month, USD")
    press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/plan", offer=value)
    current = scenario.app.test_client().get("/api/v1/usage/current", headers=org.api()).get_json()
    assert current["meters"][0]["used"] == "7"
    assert org.counters() == [5, 7]


def test_the_plan_that_an_org_is_on_is_chosen_in_the_form_and_giving_it_again_changes_nothing(
    scenario: Scenario,
) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    page = read(staff, f"/admin/orgs/{org.id}")
    assert re.search(r"<option selected[^>]*>Pro, \$49\.00 a month, USD<", page)
    value = offer(staff, org.id, "Pro, $49.00 a month, USD")
    press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/plan", offer=value)
    assert copy("admin.plan_same") in read(staff, f"/admin/orgs/{org.id}")


@pytest.mark.parametrize("value", ["", "nope", "00000000-0000-7000-8000-00000000dead:month:USD"])
def test_an_offer_that_was_not_made_is_refused(scenario: Scenario, value: str) -> None:
    org, staff = scenario.org(), scenario.staff()
    status, page = press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/plan", offer=value)
    assert status == 422
    assert copy("admin.check_fields") in page


def test_a_suspended_orgs_keys_are_refused_and_its_pages_stay(scenario: Scenario) -> None:
    org, staff = scenario.org().uses(5), scenario.staff()
    headers = org.api()
    status, _ = press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/suspend", reason="Unpaid")
    assert status == 303
    answer = scenario.app.test_client().get("/api/v1/usage/current", headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "org_suspended")
    assert copy("admin.suspended") in read(org.browser(), "/dashboard")
    page = read(staff, f"/admin/orgs/{org.id}")
    assert "Suspended since" in page
    assert "reason Unpaid" in page
    press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/resume", reason="Paid")
    assert scenario.app.test_client().get("/api/v1/usage/current", headers=headers).status_code == 200


def test_a_suspension_needs_a_reason(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    status, page = press(staff, f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/suspend", reason="")
    assert (status, copy("admin.no_reason") in page) == (422, True)


def test_a_form_without_its_token_does_nothing(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    assert staff.post(f"/admin/orgs/{org.id}/suspend", data={"reason": "x"}).status_code == 403
    assert "Suspended since" not in read(staff, f"/admin/orgs/{org.id}")


@pytest.mark.parametrize(("path", "budget"), [("/admin", 6), ("/admin/orgs", 6), ("/admin/orgs/{org}", 6)])
def test_each_page_asks_the_database_little(scenario: Scenario, path: str, budget: int) -> None:
    org, staff = scenario.org().on(scenario.plan()).with_period(), scenario.staff()
    read(staff, path.format(org=org.id))  # the first look of an hour is audited
    with scenario.statements() as asked:
        read(staff, path.format(org=org.id))
    assert len(asked) <= budget, asked
