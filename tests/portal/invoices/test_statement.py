"""The statement of a closed period: what the page says of it, as a document of ours beside Stripe's invoice."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from app.accounts import queries as accounts
from app.accounts.models import Org as OrgRow
from app.invoices.document import Document, Party
from app.invoices.pdf import render_pdf
from app.portal.invoices.lines import find_closed_period
from app.portal.invoices.statement import MOST_LINES, StatementOf, build_statement
from app.web.paging import encode_cursor
from tests.pages import text_of
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario
from tests.today import WRITTEN as NOW

TIERS = ("graduated", {"tiers": [{"up_to": 1000, "unit_amount": "0.01"}, {"up_to": None, "unit_amount": "0.005"}]})
SELLER = Party("Example Ltd", ("1 High Street", "Leeds"), "GB1")


def statement(org: Org, number: int = 10) -> Document:
    session = org.scenario.session
    period = find_closed_period(session, org.id, month(number).start)
    assert period is not None
    return build_statement(period, StatementOf(SELLER, accounts.find_billing_contact(session, org.id), "UTC", NOW))


def change(org: Org, **facts: Any) -> None:
    row = org.session.get_one(OrgRow, org.id)
    for name, value in facts.items():
        setattr(row, name, value)
    org.scenario.session.commit()


def test_every_meter_is_on_it_with_its_steps_and_its_invoice(paid: Scenario) -> None:
    org = paid.org()
    lines = closes(org, month(10), Used("52000", TIERS), Used("3", None, meter="tokens"))
    invoice = bills(org, lines)
    change(org, legal_name="Acme GmbH", address={"line1": "Weg 1", "city": "Bonn", "country": "DE"}, tax_id="DE1",
           order_number="PO 7", invoice_note="Cost centre 12")  # fmt: skip
    made = statement(org)
    assert (made.title, made.number) == ("Usage statement", "1–31 Oct 2026")
    assert made.buyer == Party("Acme GmbH", ["Weg 1", "Bonn", "Germany"], "DE1")
    assert ("Invoice", f"TK-{invoice.stripe_invoice_id}") in made.facts
    assert ("Purchase order", "PO 7") in made.facts
    assert "Cost centre 12" in made.notes
    [section] = made.sections
    calls, tokens = section.rows
    assert (calls.cells[1], calls.cells[3], tokens.cells[3]) == ("52,000 calls", "$15.00", "$0.00")
    assert [step[0] for step in calls.steps] == [
        "Used", "Included in the allowance", "Charged for", "Up to 1,000", "Above 1,000", "Amount",
    ]  # fmt: skip
    assert calls.steps[-1][3] == calls.cells[3] == made.totals[0].amount
    assert render_pdf(made) == render_pdf(statement(org))


@pytest.mark.parametrize(
    ("currency", "price", "amount"),
    [("JPY", "3", "¥6,000"), ("KWD", "0.0015", "KWD\u00a03.000")],
    ids=["JPY", "KWD"],
)
def test_amounts_are_in_the_currencys_own_places(scenario: Scenario, currency: str, price: str, amount: str) -> None:
    org = scenario.org()
    closes(org, month(10), Used("52000", ("per_unit", {"unit_amount": price}), currency=currency))
    assert statement(org).totals[0].amount == amount


def test_the_page_links_to_a_pdf_of_each_period(paid: Scenario) -> None:
    org = paid.org()
    closes(org, month(9), Used("7"))
    closes(org, month(10), Used("60000"))
    page = html.unescape(text_of(org.browser("viewer").get("/billing/usage"), 200))
    links = re.findall(r'href="(/billing/usage/statement\.pdf[^"]+)"', page)
    assert len(links) == 2
    answer = org.browser("viewer").get(links[0])
    assert answer.status_code == 200
    assert answer.data.startswith(b"%PDF-")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="usage-statement-2026-10-01.pdf"'


def test_what_is_no_closed_period_of_the_org_is_not_found(paid: Scenario) -> None:
    org, other = paid.org(), paid.org()
    closes(other, month(10), Used("7"))
    cursor = encode_cursor(month(10).start.isoformat())
    assert org.browser().get(f"/billing/usage/statement.pdf?period={cursor}").status_code == 404
    assert org.browser().get("/billing/usage/statement.pdf").status_code == 404
    assert org.browser().get("/billing/usage/statement.pdf?period=never").status_code in {400, 404, 422}


@pytest.mark.slow
def test_a_period_with_very_many_lines_is_cut_and_says_so(paid: Scenario) -> None:
    org = paid.org()
    closes(org, month(10), Used("60000"))
    period = find_closed_period(org.session, org.id, month(10).start)
    assert period is not None
    long = type(period)(period.start, period.end, period.billed_at, [*period.lines] * (MOST_LINES + 5))
    contact = accounts.find_billing_contact(org.session, org.id)
    made = build_statement(long, StatementOf(SELLER, contact, "UTC", NOW))
    assert "5 more lines are in the CSV file of usage charges." in made.notes
    assert render_pdf(made).startswith(b"%PDF-")
