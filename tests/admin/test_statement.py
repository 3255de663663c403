"""Staff read an organisation's statement of account: the figures that it sees itself."""

from __future__ import annotations

import re

from app.invoices.models import OFFLINE
from app.portal.account_statement.queries import get_statement
from app.portal.account_statement.requests import usual_span
from app.statements.wording import format_amount
from tests.pages import text_of
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario


def billed(scenario: Scenario) -> Org:
    org = scenario.org().on(scenario.plan())
    bills(org, closes(org, month(10), Used("60000")), kind=OFFLINE)
    return org


def read(scenario: Scenario, path: str, status: int = 200) -> str:
    return text_of(scenario.staff().get(path), status)


def path(org: Org, days: str = "") -> str:
    return f"/admin/orgs/{org.id}/statement{days}"


def test_staff_see_what_the_organisation_sees(scenario: Scenario) -> None:
    org = billed(scenario)
    [account] = get_statement(org.session, org.id, usual_span("UTC", org.now)).accounts
    page = read(scenario, path(org))
    assert account.rows
    for amount in (account.opening, account.closing, *(row.balance for row in account.rows)):
        assert format_amount(amount, account.currency) in page
    assert ".csv" not in page
    assert re.search(rf'href="{path(org)}"[^>]*>\s*Statement of account', read(scenario, f"/admin/orgs/{org.id}"))


def test_days_that_make_no_statement_are_said(scenario: Scenario) -> None:
    org = billed(scenario)
    page = read(scenario, path(org, "?from=2026-11-02&to=2026-11-01"), 400)
    assert "Check the dates" in page


def test_an_organisation_without_movements_has_a_way_back(scenario: Scenario) -> None:
    org = scenario.org()
    page = read(scenario, path(org))
    assert "No movements in this period" in page
    assert f'href="/admin/orgs/{org.id}"' in page


def test_members_do_not_find_it(scenario: Scenario) -> None:
    org = billed(scenario)
    assert org.browser().get(path(org)).status_code == 404


def test_the_page_asks_the_database_little(scenario: Scenario) -> None:
    org, staff = billed(scenario), scenario.staff()
    staff.get(path(org))  # the first look of an hour is audited
    with scenario.statements() as asked:
        assert staff.get(path(org)).status_code == 200
    assert len(asked) <= 5, asked
