"""Staff's pages of our own invoices: who owes, a payment recorded, void, write-off, terms; and what members see."""

from __future__ import annotations

import csv
import io
import re
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from app.billing_runs.run import run_billing
from app.invoices.models import Invoice
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import get_issued, sum_owed_with_overdue
from app.kit.ids import new_id
from tests.admin.test_pages import press, read
from tests.billing_runs.patience import patiently
from tests.billing_runs.test_close import GRACE
from tests.factories import unique
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario

LIST = "/admin/invoices"


def invoice(org: Org) -> Invoice:
    """An open invoice over 100.00 USD, issued on 21 November and due on 5 December."""
    return bills(org, closes(org, month(10), Used("60000")), kind="offline", status=None)


def row(scenario: Scenario, invoice_id: UUID) -> IssuedInvoice:
    scenario.session.rollback()
    return get_issued(scenario.session, invoice_id)


def token(browser: FlaskClient, path: str) -> str:
    """The id of the payment that the page's form records."""
    found = re.search(r'name="payment_id"[^>]*value="([^"]+)"', read(browser, path))
    assert found is not None
    return found[1]


def payment(browser: FlaskClient, path: str, **fields: str) -> tuple[int, str]:
    given = {"payment_id": token(browser, path), "day": "2026-11-20", "amount": "25.00", "reference": "DE12"}
    return press(browser, path, f"{path}/payments", **(given | fields))


@pytest.mark.parametrize("state", ["", "?state=overdue", "?state=all", "?state=odd", "?next=odd"])
def test_nobody_else_finds_the_pages(scenario: Scenario, state: str) -> None:
    org = scenario.org()
    path = f"{LIST}/{invoice(org).id}"
    for page in (LIST, path):
        assert org.browser().get(page).status_code == 404
        assert scenario.app.test_client().get(page).status_code == 303
    assert press(org.browser(), "/settings", f"{path}/void", void_reason="Mine")[0] == 404
    assert "Open in USD" in read(scenario.staff(), f"{LIST}{state}")


def test_the_overview_names_who_is_overdue_without_asking_more(scenario: Scenario) -> None:
    name = unique("Late")
    late = row(scenario, invoice(scenario.org(name=name)).id)
    scenario.at("2026-12-06")
    staff = scenario.staff()
    with scenario.statements() as asked:
        page = read(staff, "/admin")
    shown = page.partition('id="our-invoices"')[2].partition("</section>")[0]
    assert "Overdue in USD" in shown
    assert len(asked) <= 6, asked
    _, overdue = sum_owed_with_overdue(scenario.session, scenario.clock.now(), 10_000)
    assert (late.number, name) in {(invoice.number, org) for invoice, org in overdue}
    longest, named = overdue[0]
    assert longest.number in shown
    assert named in shown


def test_open_invoices_are_listed_by_their_due_day_and_overdue_ones_apart(scenario: Scenario) -> None:
    name = unique("Late")
    late = row(scenario, invoice(scenario.org(name=name)).id)
    scenario.at("2026-12-04")
    fresh = row(scenario, invoice(scenario.org()).id)
    scenario.at("2026-12-06")
    page = read(scenario.staff(), LIST)
    assert page.index(late.number) < page.index(fresh.number)
    assert name in page
    overdue = read(scenario.staff(), f"{LIST}?state=overdue")
    assert late.number in overdue
    assert fresh.number not in overdue
    assert "Overdue in USD" in overdue


def test_a_payment_is_recorded_once_however_often_the_form_is_sent(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    invoice_id = invoice(org).id
    path = f"{LIST}/{invoice_id}"
    again = {"payment_id": token(staff, path)}
    assert payment(staff, path, **again)[0] == 303
    assert "A payment of $25.00 is recorded." in read(staff, path)
    assert payment(staff, path, **again)[0] == 303
    assert "This payment was recorded before." in read(staff, path)
    page = read(staff, path)
    assert "Partly paid" in page
    assert "$75.00" in page
    assert "DE12" in page
    assert len(org.records) == 1
    assert payment(staff, path, amount="75")[0] == 303
    assert row(scenario, invoice_id).state == "paid"
    assert "Record payment" not in read(staff, path)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "100.01", "must be above zero and at most what is left"),
        ("amount", "0", "must be above zero"),
        ("amount", "1.005", "Enter an amount in USD such as 123.45."),
        ("amount", "ten", "Enter an amount in USD"),
        ("amount", "-5", "Enter an amount in USD"),
        ("day", "2026-11-22", "must not be in the future"),
        ("day", "", "Enter the day."),
        ("day", "tomorrow", "Enter a date such as"),
        ("reference", " ", "Enter the reference."),
        ("payment_id", "odd", "Reload the page"),
    ],
)
def test_a_payment_that_cannot_be_is_refused_at_its_field(
    scenario: Scenario, field: str, value: str, words: str
) -> None:
    invoice_id = invoice(scenario.org()).id
    status, page = payment(scenario.staff(), f"{LIST}/{invoice_id}", **{field: value})
    assert status == 422
    assert words in page
    assert row(scenario, invoice_id).paid == 0


def test_an_invoice_is_voided_with_a_reason_and_issued_again(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    patiently(partial(run_billing, None, scenario.clock.at, GRACE, org.id))
    [first] = scenario.session.query(IssuedInvoice).filter_by(org_id=org.id).all()
    path = f"{LIST}/{first.invoice_id}"
    assert press(staff, path, f"{path}/void", void_reason=" ")[0] == 422
    assert press(staff, path, f"{path}/void", void_reason="Wrong address")[0] == 303
    page = read(staff, path)
    assert "Reason: Wrong address" in page
    assert "Void invoice" not in page
    home = f"/admin/orgs/{org.id}"
    assert "$49.00 waits for the next invoice." in read(staff, home)
    assert press(staff, home, f"{home}/invoices")[0] == 303
    page = read(staff, home)
    assert "Issued INV-2026-" in page
    assert "waits for the next invoice" not in page
    assert "Invoice voided" in page
    assert press(staff, home, f"{home}/invoices")[0] == 303
    assert "There is nothing to invoice." in read(staff, home)


def test_what_is_left_is_written_off_with_a_reason(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    path = f"{LIST}/{invoice(org).id}"
    payment(staff, path)
    assert "Void invoice" not in read(staff, path)
    assert press(staff, path, f"{path}/write-off", write_off_reason="")[0] == 422
    assert press(staff, path, f"{path}/write-off", write_off_reason="Insolvent")[0] == 303
    assert "Written off" in read(staff, path)
    assert press(staff, path, f"{path}/void", void_reason="Late")[0] == 303
    assert "Only an unpaid invoice can be voided" in read(staff, path)


def test_terms_are_changed_on_the_orgs_page(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    home = f"/admin/orgs/{org.id}"
    for wrong in ("366", "-1", "", "soon"):
        assert press(staff, home, f"{home}/invoice-terms", terms_days=wrong)[0] == 422
    assert press(staff, home, f"{home}/invoice-terms", terms_days="30")[0] == 303
    assert "New invoices are due within 30 days." in read(staff, home)
    patiently(partial(run_billing, None, scenario.clock.at, GRACE, org.id))
    [issued] = scenario.session.query(IssuedInvoice).filter_by(org_id=org.id).all()
    assert (issued.due_on - issued.issued_on).days == 30
    assert 'id="invoices"' not in read(staff, f"/admin/orgs/{scenario.org().id}")


def test_members_see_their_invoices_and_what_is_overdue(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    patiently(partial(run_billing, None, scenario.clock.at, GRACE, org.id))
    [issued] = scenario.session.query(IssuedInvoice).filter_by(org_id=org.id).all()
    page = org.page("/billing")
    assert issued.number in page
    assert "5 Dec 2026" in page
    assert "is overdue" not in page
    payment(staff, f"{LIST}/{issued.invoice_id}", amount="9.00")
    scenario.at("2026-12-07")
    page = org.page("/billing")
    assert f"Invoice {issued.number} over $40.00 is overdue" in page
    assert "Was due on 5 Dec 2026, 2 days ago." in page
    assert "Bank transfer, DE12" in page
    detail = org.page(f"/billing/usage?invoice={issued.invoice_id}")
    assert "Pro plan, monthly, 1–30 Nov 2026" in detail
    assert "$49.00" in detail
    assert "DE12" in detail
    [bill] = org.bills()
    assert (bill["invoice"], bill["amount"], bill["card"]) == (issued.number, "9.00", "Bank transfer, DE12")
    [record] = org.reads("/billing/history")["records"]
    assert (record["reason"], record["reference"], record["invoice_number"]) == (
        "offline_invoice", "DE12", issued.number,
    )  # fmt: skip
    [shown] = org.reads("/invoices")["invoices"]
    assert (shown["status"], shown["total"], shown["amount_due"], shown["usage_amount"]) == ("open", 4_900, 4_000, 0)
    assert [(line["kind"], line["meter"], line["amount"]) for line in shown["lines"]] == [("fee", None, 4_900)]
    line = shown["lines"][0]["id"]
    assert org.reads(f"/invoices/{issued.invoice_id}/lines/{line}/explanation")["steps"] == []


def test_a_void_invoice_is_shown_with_what_was_on_it(scenario: Scenario) -> None:
    org, staff = scenario.org().on("pro"), scenario.staff()
    patiently(partial(run_billing, None, scenario.clock.at, GRACE, org.id))
    [issued] = scenario.session.query(IssuedInvoice).filter_by(org_id=org.id).all()
    path = f"{LIST}/{issued.invoice_id}"
    press(staff, path, f"{path}/void", void_reason="Wrong address")
    page = org.page(f"/billing/usage?invoice={issued.invoice_id}")
    assert "Void: nothing is to be paid." in page
    assert "Pro plan, monthly" in page
    assert "Wrong address" not in page
    [shown] = org.reads("/invoices")["invoices"]
    assert (shown["status"], shown["amount_due"], shown["lines"]) == ("void", 0, [])


def test_the_file_of_usage_charges_names_our_invoice(scenario: Scenario) -> None:
    org = scenario.org()
    number = row(scenario, invoice(org).id).number
    found = list(csv.DictReader(io.StringIO(org.page("/billing/usage/usage-charges.csv").lstrip("\ufeff"))))
    assert [(each["invoice"], each["note"]) for each in found] == [(number, "Due on 5 Dec 2026.")]


def test_another_org_does_not_find_the_invoice(scenario: Scenario) -> None:
    invoice_id = invoice(scenario.org()).id
    other = scenario.org()
    assert other.browser().get(f"/billing/usage?invoice={invoice_id}").status_code == 404
    assert scenario.client.get(f"/api/v1/invoices/{invoice_id}", headers=other.key).status_code == 404


def call(scenario: Scenario, method: str, path: str, body: Any = None, status: int = 200, scope: str = "") -> Any:
    headers = scenario.api(*([scope] if scope else ["admin:read", "admin:write"]))
    answer = scenario.client.open(f"/api/v1/admin{path}", method=method, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def test_the_api_records_a_payment_once(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id, key = invoice(org).id, new_id()
    path, sent = f"/invoices/{invoice_id}/payments/{key}", {"day": "2026-11-20", "amount": 2_500, "reference": "DE12"}
    first, again = (call(scenario, "PUT", path, sent) for _ in range(2))
    assert (first["recorded"], again["recorded"]) == (True, False)
    assert first["invoice"] == again["invoice"]
    assert (first["invoice"]["paid"], first["invoice"]["amount_due"]) == (2_500, 7_500)
    other = f"/invoices/{invoice_id}/payments/{new_id()}"
    assert call(scenario, "PUT", other, sent | {"amount": 7_501}, 400)["code"] == "invalid_request"
    call(scenario, "PUT", other, sent, 403, scope="admin:read")
    assert len(org.records) == 1


def test_the_api_voids_writes_off_and_lists(scenario: Scenario) -> None:
    first, second = (invoice(scenario.org()).id for _ in range(2))
    reason = {"reason": "Wrong address"}
    assert call(scenario, "POST", f"/invoices/{first}/void", reason)["state"] == "void"
    assert call(scenario, "POST", f"/invoices/{first}/write-off", reason, 409)["code"] == "conflict"
    assert call(scenario, "POST", f"/invoices/{second}/write-off", reason)["amount_due"] == 0
    found = call(scenario, "GET", "/invoices?state=void&limit=200", scope="admin:read")
    assert str(first) in [each["id"] for each in found["invoices"]]
    assert {"USD"} <= {each["currency"] for each in found["owed"]} <= {"USD", "EUR", "JPY", "KWD"}
    assert call(scenario, "GET", "/invoices?state=odd", status=400)["code"] == "invalid_request"
    assert call(scenario, "POST", f"/invoices/{new_id()}/void", reason, 404)["code"] == "not_found"


def test_the_api_sets_terms(scenario: Scenario) -> None:
    org = scenario.org()
    assert call(scenario, "PUT", f"/orgs/{org.id}/invoice-terms", {"days": 30}) == {"days": 30}
    assert call(scenario, "PUT", f"/orgs/{org.id}/invoice-terms", {"days": 400}, 400)["code"] == "invalid_request"
    assert call(scenario, "PUT", f"/orgs/{new_id()}/invoice-terms", {"days": 30}, 404)["code"] == "not_found"


def test_a_members_key_cannot_settle_anything(scenario: Scenario) -> None:
    org = scenario.org()
    path = f"/api/v1/admin/invoices/{invoice(org).id}"
    for act in ("void", "write-off"):
        assert scenario.client.post(f"{path}/{act}", json={"reason": "Mine"}, headers=org.key).status_code == 403


def test_a_call_of_staffs_with_a_body_and_no_organisation_is_repeated_by_its_key(scenario: Scenario) -> None:
    """O8"""
    path = f"/api/v1/admin/invoices/{uuid4()}/void"
    headers = scenario.api("admin:write") | {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        answer = scenario.client.post(path, json={"reason": "Twice"}, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
