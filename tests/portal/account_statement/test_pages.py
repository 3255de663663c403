"""The statement's page, file, PDF and API: one computation, for the days asked for."""

from __future__ import annotations

import csv
import html
import io
import re
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from app.accounts import queries as accounts
from app.invoices.document import Party
from app.invoices.models import OFFLINE, Invoice
from app.invoices.offline.settle import void_invoice, write_off
from app.invoices.pdf import render_pdf
from app.kit.actor import SYSTEM
from app.kit.errors import InvalidRequest
from app.kit.money import exponent, to_major
from app.payments.mirrors.models import StripeBalanceMovement
from app.payments.offline.record import Payment, record_payment
from app.payments.offline.reverse import reverse_payment
from app.portal.account_statement import queries
from app.portal.account_statement.account import AccountStatement
from app.portal.account_statement.printed import build_document
from app.portal.account_statement.queries import MOST_MOVEMENTS, get_statement
from app.portal.account_statement.requests import usual_span
from app.statements.wording import format_amount
from app.web.database import transaction
from tests.pages import text_of
from tests.portal.account_statement.test_life import agrees, statement
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario

SUMS = ("charges", "payments", "credits", "refunds", "written_off", "adjustments")
EUROS = Used("60000", currency="EUR")


def ours(org: Org, number: int) -> Invoice:
    """An invoice of ours over 100.00 EUR."""
    return bills(org, closes(org, month(number), EUROS), kind=OFFLINE)


def pays(org: Org, invoice: Invoice, amount: int, reference: str = "REF-7") -> None:
    payment = Payment(uuid4(), org.now.date(), amount, reference)
    with transaction() as session:
        record_payment(session, invoice.id, payment, actor=SYSTEM, now=org.now)


def with_history(paid: Scenario) -> Org:
    """A purchase, a credit note in part refunded, and invoices of ours in another currency."""
    org = paid.org().paying(paid.plan())
    v1 = paid.stripe.client().v1
    lines = [{"type": "custom_line_item", "description": "Goodwill", "quantity": 1, "unit_amount": 300}]
    given: Any = {"invoice": org.record.invoice_id, "lines": lines, "refund_amount": 100, "credit_amount": 200}
    paid.later(hours=1)
    v1.credit_notes.create(given)
    first = ours(org, 8)
    paid.later(hours=1)
    pays(org, first, 4000, "=cmd|' /C calc'!A0")
    agrees(org)
    return org


@pytest.mark.slow
def test_credits_refunds_and_our_own_invoices_add_up_by_currency(paid: Scenario) -> None:
    org = with_history(paid)
    found = agrees(org)
    assert [(account.currency, account.closing) for account in found.accounts] == [("EUR", 6000), ("USD", -200)]
    euros, dollars = found.accounts
    assert euros.sums | dollars.sums == dollars.sums
    assert (dollars.sums["charge"], dollars.sums["payment"]) == (1000, -1000)
    assert (dollars.sums["credit"], dollars.sums["refund"]) == (-300, 100)
    assert [row.movement.event for row in dollars.rows] == [
        "invoice", "paid", "credit_note", "credit_refunded", "refund",
    ]  # fmt: skip
    assert [row.balance for row in dollars.rows] == [1000, 0, -200, -300, -200]


def test_an_invoice_of_ours_is_written_off_and_paid_after_all(paid: Scenario) -> None:
    org = paid.org()
    kept, gone = ours(org, 8), ours(org, 9)
    for act in (lambda s: write_off(s, kept.id, "Gone", actor=SYSTEM, now=org.now),
                lambda s: void_invoice(s, gone.id, "Twice", actor=SYSTEM, now=org.now)):  # fmt: skip
        with transaction() as session:
            act(session)
    [account] = agrees(org).accounts
    assert (account.closing, account.sums["write_off"], account.sums["charge"]) == (0, -10000, 10000)
    paid.later(days=1)
    for amount in (3000, 7000):
        pays(org, kept, amount)
        [account] = agrees(org).accounts
    assert (account.closing, account.sums["write_off"], account.sums["payment"]) == (0, 0, -10000)


def test_a_payment_reversed_on_an_invoice_that_was_written_off_is_given_up_too(paid: Scenario) -> None:
    org = paid.org()
    invoice = ours(org, 8)
    payment = Payment(uuid4(), org.now.date(), 4000, "REF-8")
    with transaction() as session:
        record_payment(session, invoice.id, payment, actor=SYSTEM, now=org.now)
    paid.later(days=1)
    with transaction() as session:
        write_off(session, invoice.id, "Gone", actor=SYSTEM, now=org.now)
    agrees(org)
    paid.later(days=1)
    with transaction() as session:
        reverse_payment(session, invoice.id, payment.id, "Another customer's", actor=SYSTEM, now=org.now)
    [account] = agrees(org).accounts
    assert (account.closing, account.sums["payment"], account.sums["write_off"]) == (0, 0, -10000)


def amounts(found: AccountStatement) -> list[tuple[str, str, int, int]]:
    """Currency, words, amount and balance of each movement."""
    return [
        (account.currency, row.movement.words, row.movement.amount, row.balance)
        for account in found.accounts
        for row in account.rows
    ]


@pytest.mark.slow
def test_page_file_pdf_and_api_say_the_same(paid: Scenario) -> None:
    org = with_history(paid)
    found = statement(org)
    expected = amounts(found)
    assert len(expected) == 7

    browser = org.browser("viewer")
    page = html.unescape(text_of(browser.get("/billing/statement"), 200))
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, re.DOTALL)]
    for currency, words, amount, balance in expected:
        place = cells.index(words)
        assert cells[place + 1 : place + 3] == [format_amount(amount, currency), format_amount(balance, currency)]
        cells = cells[place + 1 :]

    file = browser.get("/billing/statement.csv")
    assert file.headers["Content-Disposition"] == 'attachment; filename="statement-2025-11-22-2026-11-21.csv"'
    rows = list(csv.DictReader(io.StringIO(file.get_data(as_text=True))))
    moved = [row for row in rows if row["event"]]
    assert [(row["currency"], row["description"]) for row in moved] == [(row[0], row[1]) for row in expected]
    for row, (currency, _, amount, balance) in zip(moved, expected, strict=True):
        assert Decimal(row["amount"]) == to_major(amount, exponent(currency))
        assert Decimal(row["balance"]) == to_major(balance, exponent(currency))
    closing = {row["currency"]: row["balance"] for row in rows if row["kind"] == "closing_balance"}
    assert closing == {"EUR": "60.00", "USD": "-2.00"}

    answer = paid.client.get("/api/v1/billing/statement", headers=org.api("billing:read")).get_json()
    assert (answer["from"], answer["to"], answer["time_zone"]) == ("2025-11-22", "2026-11-21", "UTC")
    assert [
        (account["currency"], row["description"], row["amount"], row["balance"])
        for account in answer["accounts"]
        for row in account["movements"]
    ] == expected
    for account in answer["accounts"]:
        sums = sum(account[name] for name in SUMS)
        assert account["opening_balance"] + sums == account["closing_balance"]

    document = build_document(found, Party("Toll Ltd"), accounts.find_billing_contact(org.session, org.id), org.now)
    printed = [row.cells for section in document.sections for row in section.rows]
    assert [(cells[0], *cells[2:]) for cells in printed if cells[1]] == [
        (words, format_amount(amount, currency), format_amount(balance, currency))
        for currency, words, amount, balance in expected
    ]
    assert render_pdf(document) == render_pdf(document)
    pdf = browser.get("/billing/statement.pdf")
    assert pdf.data.startswith(b"%PDF-")
    assert pdf.headers["Content-Disposition"] == 'attachment; filename="statement-2025-11-22-2026-11-21.pdf"'


@pytest.mark.slow
def test_days_are_the_org_s_and_what_was_before_is_the_opening_balance(paid: Scenario) -> None:
    org = paid.org(zone="Pacific/Auckland").paying(paid.plan())  # paid on 22 November there
    page = html.unescape(text_of(org.browser().get("/billing/statement?from=2026-11-22&to=2026-11-22"), 200))
    assert "Payment of invoice" in page
    before = text_of(org.browser().get("/billing/statement?from=2026-11-01&to=2026-11-21"), 200)
    assert "No movements in this period" in before
    later = text_of(org.browser().get("/billing/statement?from=2026-11-23&to=2026-11-30"), 200)
    assert "No movements in this period" in later


def test_an_account_without_movements_still_has_its_balance(paid: Scenario) -> None:
    org = paid.org()
    ours(org, 8)
    page = html.unescape(text_of(org.browser().get("/billing/statement?from=2026-11-22&to=2026-11-30"), 200))
    assert page.count("€100.00") >= 3
    assert "€100.00 to be paid." in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2026-11-02&to=2026-11-01", "The last day must not be before the first day."),
        ("from=2020-01-01&to=2026-11-01", "The first day must be at most 24 months before the last day."),
        ("from=yesterday", "The first day must be a date, such as 2026-11-01."),
    ],
)
def test_days_that_make_no_statement_are_said_on_the_page_and_refused_in_files(
    paid: Scenario, query: str, words: str
) -> None:
    browser = paid.org().browser()
    page = html.unescape(text_of(browser.get(f"/billing/statement?{query}"), 400))
    assert words in page
    assert "Download" not in page
    assert ('value="2026-11-01"' in page) is ("to=2026-11-01" in query)  # what was typed is still there
    for kind in ("csv", "pdf"):
        assert browser.get(f"/billing/statement.{kind}?{query}").status_code == 400


@pytest.mark.slow
def test_too_many_movements_are_refused_rather_than_cut(paid: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    org = paid.org().paying(paid.plan())
    session = paid.session
    for place in range(MOST_MOVEMENTS + 1):
        session.add(
            StripeBalanceMovement(
                id=f"cbtxn_{org.id}_{place}", org_id=org.id, customer_id=org.customer_id, type="adjustment", amount=1,
                currency="USD", created_at=org.now,
            )
        )  # fmt: skip
    session.commit()
    with pytest.raises(InvalidRequest, match="more than 1,000 movements"):
        get_statement(org.session, org.id, usual_span("UTC", org.now))
    assert "Choose fewer days" in text_of(org.browser().get("/billing/statement"), 400)
    session.query(StripeBalanceMovement).filter_by(org_id=org.id).delete()
    session.commit()
    assert queries.MOST_MOVEMENTS == MOST_MOVEMENTS


@pytest.mark.slow
def test_a_reference_of_a_bank_is_no_formula_in_the_file(paid: Scenario) -> None:
    org = with_history(paid)
    file = org.browser().get("/billing/statement.csv").get_data(as_text=True)
    assert all(not cell.startswith("=") for row in csv.reader(io.StringIO(file)) for cell in row)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["viewer", "owner"])
def test_the_page_asks_the_database_little_however_long_it_is(paid: Scenario, role: str) -> None:
    browser = with_history(paid).browser(role)
    with paid.statements() as asked:
        text_of(browser.get("/billing/statement"), 200)
    assert len(asked) <= 6, asked


@pytest.mark.slow
def test_a_statement_is_of_one_org(paid: Scenario) -> None:
    with_history(paid)
    other = paid.org()
    assert "No movements in this period" in text_of(other.browser().get("/billing/statement"), 200)
    assert other.browser().get("/billing/statement.csv").get_data(as_text=True).count("\n") == 1


@pytest.mark.slow
def test_the_billing_page_leads_to_it_and_shows_notes_and_refunds_with_their_days(paid: Scenario) -> None:
    org = with_history(paid)
    page = html.unescape(text_of(org.browser().get("/billing"), 200))
    assert 'href="/billing/statement"' in page
    assert "$1.00 refunded on" in page
    assert re.search(r"Credit note [^<]+-CN-01", page)
