"""Staff's report of billing runs, on its page, on an organisation's page and by the API."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.accounts.queries import get_org
from app.billing_runs.cli import group
from app.invoices.credit_notes import get_note, open_note
from app.invoices.models import CreditNote
from app.invoices.offline.queries import get_issued
from tests import factories
from tests.pages import text_of
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario
from tests.support.copy import copy

RUNS = "/admin/billing-runs"
ERROR = "Our payment provider is not responding."


def read(browser: FlaskClient, path: str = RUNS) -> str:
    return html.unescape(text_of(browser.get(path)))


def row_of(page: str, org: Org) -> str:
    """The first row of an org, without its icons."""
    found = re.search(rf"<tr>(?:(?!</tr>).)*{org.id}.*?</tr>", page, re.DOTALL)
    assert found is not None, page
    return re.sub(r"<svg.*?</svg>|\s+", " ", found[0], flags=re.DOTALL)


def report(scenario: Scenario, query: str = "", status: int = 200) -> Any:
    answer = scenario.client.get(f"/api/v1{RUNS}{query}", headers=scenario.api("admin:read"))
    assert answer.status_code == status, answer.text
    return answer.json


def test_what_waits_in_a_currency_that_the_org_has_left_is_named(scenario: Scenario) -> None:
    scenario.default_plan()
    org, stays = scenario.org().with_period(), scenario.org().with_period()
    closes(org, month(10), Used("50020", currency="EUR"))
    closes(stays, month(10), Used("50020"))
    page = read(scenario.staff())
    assert copy("billing_runs.left_over") in page
    assert "€0.20" in row_of(page, org)
    told = report(scenario, "?limit=200")["waiting"]
    found = [each for each in told if each["org_id"] in {str(org.id), str(stays.id)}]
    assert [(each["amount"], each["currency"], each["running_currency"], each["left"]) for each in found] == [
        (20, "EUR", "USD", True),
        (20, "USD", "USD", False),
    ]


def fails(scenario: Scenario, org: Org, why: str) -> CreditNote:
    """A credit note of $3.00 on an invoice at Stripe that could not be issued."""
    invoice = bills(org, closes(org, month(10), Used("60000")))
    note_id = open_note(scenario.session, invoice, 300, scenario.clock.at)
    note = get_note(scenario.session, org.id, note_id)
    note.error = why
    scenario.session.commit()
    return note


@pytest.mark.slow
def test_credit_notes_that_fail_are_named_by_page_api_and_command(scenario: Scenario) -> None:
    name = factories.unique("Credited")
    org, other = scenario.org(name=name), scenario.org()
    note = fails(scenario, org, ERROR)
    closes(other, month(10), Used("50020"))
    row = row_of(read(scenario.staff()).partition('id="notes"')[2], org)
    assert [word for word in (name, "$3.00", ERROR) if word not in row] == []
    [told] = [each for each in report(scenario, "?limit=200")["failing_notes"] if each["id"] == str(note.id)]
    assert (told["org_id"], told["amount"], told["currency"], told["error"]) == (str(org.id), 300, "USD", ERROR)
    for command in (["report"], ["close", "--org", str(org.id)]):
        said = scenario.app.test_cli_runner().invoke(group, command).output
        assert f"not issued  credit note {note.id}  {name}  $3.00" in said
    said = scenario.app.test_cli_runner().invoke(group, ["report"]).output
    assert f"waits  {get_org(scenario.session, other.id).name}  $0.20" in said


def test_nobody_else_finds_the_page(scenario: Scenario) -> None:
    assert scenario.org().browser().get(RUNS).status_code == 404
    assert scenario.app.test_client().get(RUNS).status_code == 303


def test_each_close_says_what_it_came_to_and_where_it_is(scenario: Scenario) -> None:
    billed, ours, waits, free, rated = (scenario.org() for _ in range(5))
    invoice = bills(billed, closes(billed, month(10), Used("60000")))
    issued = bills(ours, closes(ours, month(10), Used("60000")), kind="offline", status=None)
    number = get_issued(scenario.session, issued.id).number
    closes(waits, month(10), Used("50030"))
    closes(free, month(10), Used("4"))
    closes(rated, month(10), Used("60000"), billed=False)
    page = read(scenario.staff())
    for org, words in (
        (billed, ("$100.00", ">Billed", str(invoice.stripe_invoice_id))),
        (ours, ("$100.00", ">Billed", number)),
        (waits, ("$0.30", ">Waiting", "Waits for the next invoice")), (free, ("$0.00", ">Nothing to bill", "–")),
        (rated, ("$100.00", ">Rated", "–")),
    ):  # fmt: skip
        row = row_of(page, org).replace("> ", ">")
        assert [word for word in words if word not in row] == [], row


def test_what_failed_is_found_with_the_error_and_how_often(scenario: Scenario) -> None:
    lost, fine = scenario.org(), scenario.org()
    closes(lost, month(9), Used("60000"), billed=False, error=ERROR)
    closes(fine, month(10), Used("60000"))
    page = read(scenario.staff(), f"{RUNS}?state=failed")
    assert f"{ERROR} Failed 3 times." in row_of(page, lost)
    assert str(fine.id) not in page
    assert str(fine.id) in read(scenario.staff())


def test_totals_are_by_currency(scenario: Scenario) -> None:
    before = {each["currency"]: each["amount"] for each in report(scenario, "?limit=1")["totals"]}
    org = scenario.org()
    closes(org, month(9), Used("60000"))
    closes(org, month(10), Used("60000", ("per_unit", {"unit_amount": "2"}), currency="JPY"))
    after = {each["currency"]: each["amount"] for each in report(scenario, "?limit=1")["totals"]}
    assert after["USD"] - before.get("USD", 0) == 10_000
    assert after["JPY"] - before.get("JPY", 0) == 20_000
    page = read(scenario.staff())
    assert "Usage in JPY" in page
    assert "Usage in USD" in page


def test_an_address_that_makes_no_sense_shows_the_last_days(scenario: Scenario) -> None:
    for query in ("?days=x", "?days=7&state=odd", "?days=-1"):
        assert 'aria-current="true">31 days' in read(scenario.staff(), f"{RUNS}{query}")


def test_the_page_is_bounded_and_says_so(scenario: Scenario) -> None:
    org = scenario.org()
    for number in range(100):
        span = month(10)
        start = span.start.replace(year=2020, day=1 + number % 28, hour=number // 28)
        closes(org, type(span)(start, span.end.replace(year=2020)), Used("4"))
    page = read(scenario.staff())
    assert page.count('data-label="Organisation"') == 100
    assert re.search(r"The latest 100 of \d+\.", page) or report(scenario)["periods"] == 100


def test_an_orgs_page_has_its_last_closes(scenario: Scenario) -> None:
    org, other = scenario.org(), scenario.org()
    for number in range(1, 9):
        closes(org, month(number), Used(str(50_000 + number * 100)))
    closes(other, month(9), Used("99999"))
    page = read(scenario.staff(), f"/admin/orgs/{org.id}")
    listed = page.partition('id="closes"')[2].partition("</section>")[0]
    assert listed.count('data-label="Period"') == 6
    assert listed.index("$8.00") < listed.index("$3.00")
    assert "$2.00" not in listed
    assert "$499.99" not in page
    assert 'id="closes"' not in read(scenario.staff(), f"/admin/orgs/{scenario.org().id}")


def test_the_api_has_the_same_report(scenario: Scenario) -> None:
    name = factories.unique("Reported")
    org = scenario.org(name=name)
    closes(org, month(10), Used("60000"), billed=False, error=ERROR)
    answer = report(scenario, "?failed=true&limit=200")
    [close] = [each for each in answer["closes"] if each["org_id"] == str(org.id)]
    assert close | {"rated_at": ""} == {
        "org_id": str(org.id), "org": name, "period_start": "2026-10-01T00:00:00Z",
        "period_end": "2026-11-01T00:00:00Z", "rated_at": "", "billed_at": None, "amount": 10_000, "currency": "USD",
        "invoice_kind": None, "stripe_invoice_id": None, "number": None, "failures": 3, "error": ERROR,
    }  # fmt: skip
    assert answer["failing"] == answer["periods"] >= 1
    assert answer["unfinished"] >= 1


@pytest.mark.parametrize("query", ["?days=0", "?days=367", "?limit=0", "?failed=maybe", "?x=1"])
def test_a_query_that_makes_no_sense_is_refused(scenario: Scenario, query: str) -> None:
    assert report(scenario, query, 400)["code"] == "invalid_request"


def test_the_page_asks_the_database_little(scenario: Scenario) -> None:
    for _ in range(3):
        closes(scenario.org(), month(10), Used("60000"))
    staff = scenario.staff()
    with scenario.statements() as asked:
        read(staff)
    assert len(asked) <= 6, asked
