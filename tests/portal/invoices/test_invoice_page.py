"""/billing/invoices/<id>: one invoice with what it bills; and the events behind a line."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from app.portal.invoices.invoice_page import build_invoice_page, find_invoice, load_invoice_lines
from tests.pages import text_of
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario

CALLS = "/billing/usage/lines/{}"


def read(org: Org, path: str, role: str = "owner", status: int = 200) -> str:
    return html.unescape(text_of(org.browser(role).get(path), status))


def test_events_that_do_not_add_up_to_the_line_are_said_to(paid: Scenario) -> None:
    org = paid.org()
    [line] = closes(org, month(10), Used("60000"))
    assert "No events of this period are stored." in read(org, CALLS.format(line.id))
    org.uses(59_999, at="2026-10-10 12:00")
    assert "The events don't add up to this line" in read(org, CALLS.format(line.id))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, [("Total", "$100.00"), ("Paid", "-$100.00"), ("Amount due", "$0.00")]),
        (
            {"total": 11_900, "tax": 1_900, "amount_due": 11_900, "amount_paid": 11_900},
            [("Tax", "$19.00"), ("Total", "$119.00"), ("Paid", "-$119.00"), ("Amount due", "$0.00")],
        ),
        (
            {"tax": 1_597, "included_tax": 1_597},
            [("Total", "$100.00"), ("Of which tax", "$15.97"), ("Paid", "-$100.00"), ("Amount due", "$0.00")],
        ),
        (
            {"total": 14_000, "discount": 1_000, "amount_due": 12_000, "amount_paid": 0, "status": "open",
             "amount_remaining": 12_000},
            [("Discount", "-$10.00"), ("Total", "$140.00"), ("Balance and credits", "-$20.00"),
             ("Amount due", "$120.00")],
        ),
    ],
    ids=["plain", "taxed", "tax within", "open"],
)  # fmt: skip
def test_fees_usage_discount_and_tax_add_up_to_the_total(
    paid: Scenario, facts: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")), **facts)
    found = find_invoice(org.session, org.id, str(invoice.id))
    shown = load_invoice_lines(org.scenario.session, org.id, found) if found else None
    assert shown is not None
    view = build_invoice_page(shown, "UTC", org.now, may_pay=True)
    assert list(view.sums) == expected
    assert [fee.amount for fee in view.fees] == (["$50.00"] if "discount" in facts else [])
    assert (view.pay_href is not None) == (facts.get("status") == "open")
    assert ("Pay this invoice" in read(org, f"/billing/invoices/{invoice.id}")) == (facts.get("status") == "open")
    assert "Pay this invoice" not in read(org, f"/billing/invoices/{invoice.id}", "viewer")


def test_an_invoice_without_usage_is_shown_by_stripes_id_with_its_fee(paid: Scenario) -> None:
    org = paid.org().paying()
    paid.settle()
    [invoice] = paid.stripe.objects("invoice", customer=org.customer_id)
    page = read(org, f"/billing/invoices/{invoice['id']}")
    assert f"Invoice {invoice['number']}" in page
    assert invoice["lines"]["data"][0]["description"] in page
    assert f'href="/billing/invoices/{invoice["id"]}"' in read(org, "/billing")


def test_another_orgs_invoice_and_line_are_not_found(paid: Scenario) -> None:
    org, other = paid.org(), paid.org()
    rows = closes(other, month(10), Used("60000"))
    invoice = bills(other, rows)
    for path in (f"/billing/invoices/{invoice.id}", f"/billing/invoices/{invoice.stripe_invoice_id}",
                 CALLS.format(rows[0].id), f"{CALLS.format(rows[0].id)}/events.csv",
                 f"/billing/invoices/{invoice.id}/explained.pdf", "/billing/invoices/nothing"):  # fmt: skip
        assert org.browser().get(path).status_code == 404, path
    other.scenario.session.rollback()


def test_tiers_are_drawn_from_the_allowance_to_the_amount(paid: Scenario) -> None:
    org = paid.org()
    tiers = {"tiers": [{"up_to": 1000, "unit_amount": "0.01"}, {"up_to": None, "unit_amount": "0.005"}]}
    [line] = closes(org, month(10), Used("52000", ("graduated", tiers)))
    page = read(org, CALLS.format(line.id))
    bars = re.findall(r'class="chart-bar tone-1" x="([\d.]+)%" width="([\d.]+)%"', page)
    assert bars == [("0", "0"), ("0.00", "66.67"), ("66.67", "33.33")]
