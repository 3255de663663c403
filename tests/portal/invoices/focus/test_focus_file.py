"""The FOCUS file of an invoice and of a month: complete columns, exact costs, and sums that are the invoice."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from app.invoices.credit_notes import Settlement, get_note, note_issued, open_note
from app.invoices.offline.queries import get_issued
from app.invoices.queries import get_invoice
from app.invoices.service import LineCredit, LineFacts, write_lines
from app.kit.periods import Period
from app.payments.mirrors.models import StripeCreditNote
from app.portal.account_statement.movements import CHARGE, CREDIT, Movement
from app.portal.account_statement.movements import EVENTS as MOVEMENTS
from app.portal.invoices.focus.documents import EVENTS
from app.portal.invoices.focus.schema import HEAD
from tests.factories import utc
from tests.portal.invoices.books import Used, bills, closes, find_lines, month
from tests.portal.invoices.test_usage_charges import CHARGES
from tests.scenario import Org, Scenario

Rows = list[dict[str, str]]
NEVER_EMPTY = ("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
               "BillingPeriodStart", "ChargeCategory", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
               "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
               "ProviderName", "PublisherName", "ServiceCategory", "ServiceName", "ServiceSubcategory")  # fmt: skip
PRICED = ("ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit", "SkuId",
          "SkuMeter", "SkuPriceId")  # fmt: skip


def read(org: Org, path: str) -> Rows:
    """The rows of a file, each of which keeps to the norm."""
    answer = org.browser().get(path)
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    for row in rows:
        keeps_to_the_norm(row)
    return rows


def keeps_to_the_norm(row: dict[str, str]) -> None:
    assert tuple(row) == HEAD
    assert [name for name in NEVER_EMPTY if not row[name]] == []
    whole = row["ChargeCategory"] in {"Usage", "Purchase"} and not row["ChargeClass"]
    assert [name for name in PRICED if bool(row[name]) != whole and not row["ChargeClass"]] == []
    assert bool(row["ConsumedQuantity"]) == bool(row["ConsumedUnit"]) == (row["ChargeCategory"] == "Usage")
    for kind in ("List", "Contracted"):
        if row[f"{kind}UnitPrice"]:
            cost = Decimal(row[f"{kind}UnitPrice"]) * Decimal(row["PricingQuantity"])
            assert cost == Decimal(row[f"{kind}Cost"])
    assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
    assert row["ChargePeriodEnd"].endswith("00Z")
    assert not row["SkuPriceDetails"] or json.loads(row["SkuPriceDetails"])


def total(rows: Rows, name: str = "BilledCost") -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


def by_invoice(rows: Rows) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["InvoiceId"]] += Decimal(row["BilledCost"])
    return sums


def of_invoice(org: Org, invoice: Any) -> Rows:
    return read(org, f"/billing/invoices/{invoice.id}/focus.csv")


@pytest.mark.parametrize("name", CHARGES)
def test_rows_of_an_invoice_have_one_unit_price_each_and_add_up_to_it(paid: Scenario, name: str) -> None:
    org = paid.org()
    [line] = closes(org, month(10), Used("13123.25", CHARGES[name], allowance="1000"))
    rows = of_invoice(org, bills(org, [line], percent_off=15, finalized_at=org.now,
                                 total=line.amount - round(line.amount * 15 / 100)))  # fmt: skip
    assert total(rows) == Decimal(line.amount - round(line.amount * 15 / 100)) / 100
    bounds = total([row for row in rows if row["ChargeCategory"] == "Adjustment"])
    assert bool(bounds) == (name in {"minimum", "maximum"})
    if not bounds:  # a row without a unit price costs by the list what is billed of it
        assert total(rows, "ListCost") == total(rows, "ContractedCost") == line.exact_amount / 100
    assert total([row for row in rows if row["ConsumedQuantity"]], "ConsumedQuantity") == Decimal("13123.25")
    assert {row["x_Discounts"] for row in rows} == {"coupon 15 %"}
    assert len({row["SkuPriceId"] for row in rows}) == len(rows), "each price has an id of its own"
    assert {row["x_InvoiceLine"] for row in rows} == {str(line.id)}


def test_a_usage_line_says_what_was_included_and_what_each_unit_cost(paid: Scenario) -> None:
    org = paid.org()
    rows = of_invoice(org, bills(org, closes(org, month(10), Used("60000")), finalized_at=org.now))
    told = ("ChargeCategory", "ChargeFrequency", "ConsumedQuantity", "ConsumedUnit", "ListUnitPrice", "ListCost",
            "BilledCost", "EffectiveCost", "SkuId", "ChargeDescription")  # fmt: skip
    assert [tuple(row[name] for name in told) for row in rows] == [
        ("Usage", "Usage-Based", "50000", "Calls", "0", "0", "0", "0", "api_calls", "API calls, included"),
        ("Usage", "Usage-Based", "10000", "Calls", "0.01", "100", "100", "100", "api_calls",
         "API calls, at the unit price"),
    ]  # fmt: skip
    assert (rows[0]["ChargePeriodStart"], rows[0]["ChargePeriodEnd"]) == (
        "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z",
    )  # fmt: skip
    assert rows[0]["BillingPeriodStart"] == f"{org.now:%Y-%m}-01T00:00:00Z"


def test_tax_and_what_stripe_does_not_itemise_are_rows_of_their_own(paid: Scenario) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")), finalized_at=org.now, total=15_900, tax=1_900)
    rows = of_invoice(org, invoice)
    assert [(row["ChargeCategory"], row["BilledCost"]) for row in rows[2:]] == [("Tax", "19"), ("Adjustment", "40")]
    assert total(rows) == 159


def test_a_plans_fee_at_stripe_is_a_recurring_purchase_of_its_price(paid: Scenario) -> None:
    org = paid.org().paying()
    paid.settle()
    [invoice] = paid.stripe.objects("invoice", customer=org.customer_id)
    [row] = read(org, f"/billing/invoices/{invoice['id']}/focus.csv")
    assert (row["ChargeCategory"], row["ChargeFrequency"], row["InvoiceId"]) == (
        "Purchase", "Recurring", invoice["number"],
    )  # fmt: skip
    assert Decimal(row["BilledCost"]) == Decimal(row["ListUnitPrice"]) == Decimal(invoice["total"]) / 100
    assert row["SkuPriceId"].endswith("/month")
    assert row["x_Plan"].endswith(", version 1")


def test_an_invoice_of_ours_is_issued_by_whom_it_names(paid: Scenario) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")), kind="offline", status=None)
    rows = of_invoice(org, invoice)
    issued = get_issued(paid.session, invoice.id)
    assert {(row["InvoiceId"], row["InvoiceIssuerName"]) for row in rows} == {(issued.number, "Toll Ltd")}
    assert total(rows) == Decimal(issued.total) / 100


def test_a_month_has_each_invoice_issued_in_it_and_adds_up_to_them(paid: Scenario) -> None:
    org = paid.org()
    made = {}
    for number, at in ((8, "2026-09-30T23:59:59"), (9, "2026-10-01"), (10, "2026-10-31")):
        invoice = bills(org, closes(org, month(number), Used("60000")), finalized_at=utc(at))
        made[f"TK-{invoice.stripe_invoice_id}"] = at
    assert by_invoice(read(org, "/billing/focus.csv?month=2026-10")) == {
        number: Decimal(100) for number, at in made.items() if at.startswith("2026-10")
    }
    assert len(read(org, "/billing/focus.csv?month=2026-09")) == 2
    assert read(org, "/billing/focus.csv?month=2026-08") == []


def test_voiding_an_earlier_invoice_is_a_correction_in_the_month_of_the_void(paid: Scenario) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(9), Used("60000")), status="void", finalized_at=utc("2026-10-01"),
                    voided_at=utc("2026-11-05"))  # fmt: skip
    [row] = read(org, "/billing/focus.csv?month=2026-11")
    assert (row["ChargeCategory"], row["ChargeClass"], row["BilledCost"]) == ("Adjustment", "Correction", "-100")
    assert total(read(org, "/billing/focus.csv?month=2026-10")) == 100
    assert total(of_invoice(org, invoice)) == 0


def test_what_is_billed_of_an_account_is_all_that_the_statement_calls_charges_and_credits() -> None:
    kinds = {event: Movement(utc("2026-01-01"), event, 1, "USD", None, None, None, "").kind for event in MOVEMENTS}
    assert set(EVENTS) == {event for event, kind in kinds.items() if kind in {CHARGE, CREDIT}}


def test_drafts_and_other_orgs_invoices_have_no_file(paid: Scenario) -> None:
    org, other = paid.org(), paid.org()
    draft = bills(org, closes(org, month(10), Used("60000")), status="draft")
    issued = bills(other, closes(other, month(10), Used("60000")), finalized_at=org.now)
    for named in (draft.id, issued.id, issued.stripe_invoice_id, "nothing"):
        assert org.browser().get(f"/billing/invoices/{named}/focus.csv").status_code == 404
    assert org.browser().get("/billing/focus.csv?month=2026-13").status_code == 404
    assert read(org, f"/billing/focus.csv?month={org.now:%Y-%m}") == []


def test_a_key_reads_the_same_file(paid: Scenario) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")), finalized_at=utc("2026-11-01"))
    month_file = org.browser().get("/billing/focus.csv?month=2026-11").text
    path, key = "/api/v1/invoices/focus", org.api("billing:read")
    for query in ("month=2026-11", f"invoice={invoice.id}", f"invoice={invoice.stripe_invoice_id}"):
        assert org.scenario.client.get(f"{path}?{query}", headers=key).text == month_file
    for query in ("", "month=2026-11&invoice=x", "month=2026-1"):
        assert org.scenario.client.get(f"{path}?{query}", headers=key).json["code"] == "invalid_request"
    assert org.scenario.client.get(f"{path}?month=2026-11", headers=org.api("usage:read")).status_code == 403


def test_a_file_takes_no_more_statements_for_more_lines(paid: Scenario) -> None:
    org = paid.org()
    fee = ("per_unit", {"unit_amount": "5"})
    for number in range(5, 10):
        lines = closes(org, month(number), Used("60000"), Used("9", fee, "0", "documents"))
        bills(org, lines, finalized_at=utc("2026-11-02"))
    browser = org.browser()
    with paid.statements() as noted:
        assert len(browser.get("/billing/focus.csv?month=2026-11").text.splitlines()) == 1 + 5 * 3
    assert len([each for each in noted if each.startswith("SELECT")]) <= 20, noted


def test_pages_lead_to_the_files_that_exist(paid: Scenario) -> None:
    org = paid.org()
    issued = bills(org, closes(org, month(9), Used("60000")), finalized_at=org.now)
    draft = bills(org, closes(org, month(10), Used("60000")), status="draft")
    ours = bills(org, closes(org, month(8), Used("60000")), kind="offline", status=None)
    pages = {invoice: org.browser().get(f"/billing/invoices/{invoice.id}").text for invoice in (issued, draft, ours)}
    assert [f"{invoice.id}/focus.csv" in page for invoice, page in pages.items()] == [True, False, True]
    charges = org.browser("viewer").get("/billing/usage").text
    months = re.findall(r'<option value="([0-9-]+)">', charges)
    assert (len(months), months[0], months[-1]) == (24, "2026-11", "2024-12")
    assert 'action="/billing/focus.csv"' in charges


def test_late_usage_of_an_earlier_month_is_a_correction_and_of_this_one_an_adjustment(paid: Scenario) -> None:
    org = paid.org()
    [line] = closes(org, month(9), Used("60000"))
    bills(org, [line], finalized_at=utc("2026-10-01T01:00"))
    for number, expected in (("2026-10", ("Adjustment", "", "")), ("2026-11", ("Usage", "Correction", "300"))):
        late = adds_late(org, line, "300", 300)
        bills(org, [late], finalized_at=utc(f"{number}-20"))
        row = read(org, f"/billing/focus.csv?month={number}")[-1]
        assert (row["ChargeCategory"], row["ChargeClass"], row["ConsumedQuantity"]) == expected
        assert (row["BilledCost"], row["ListCost"], row["x_InvoiceLine"]) == ("3", "3", str(late.id))


@pytest.mark.parametrize(
    ("tax", "refunded", "expected"),
    [
        (0, 0, [("Usage", "Correction", "-300", "-3")]),
        (57, 0, [("Usage", "Correction", "-300", "-3"), ("Tax", "Correction", "", "-0.57")]),
        (0, 100, [("Credit", "Correction", "", "-2")]),  # the rest is credited with the refund
    ],
    ids=["before tax", "with tax", "partly refunded"],
)
def test_a_credit_note_is_a_document_of_its_own_that_takes_usage_back(
    paid: Scenario, tax: int, refunded: int, expected: list[tuple[str, ...]]
) -> None:
    org = paid.org()
    [line] = closes(org, month(9), Used("60000"))
    invoice = bills(org, [line], finalized_at=utc("2026-10-01T01:00"), total=10_000 + 19 * bool(tax),
                    tax=19 * bool(tax))  # fmt: skip
    credits_back(org, invoice, line, "-300", 300, tax, refunded)
    rows = read(org, "/billing/focus.csv?month=2026-11")
    told = ("ChargeCategory", "ChargeClass", "ConsumedQuantity", "BilledCost")
    assert [tuple(row[name] for name in told) for row in rows] == expected
    assert {row["InvoiceId"] for row in rows} == {f"CN-{line.id}"}


def adds_late(org: Org, line: Any, quantity: str, amount: int) -> Any:
    """Late usage of a line's period, as a close after it writes it."""
    return _writes(org, line, quantity, amount, "late", None)


def credits_back(
    org: Org, invoice: Any, line: Any, quantity: str, amount: int, tax: int, refunded: int
) -> None:  # fmt: skip
    """A credit note that Stripe has issued for a part of a line, `refunded` of it to the card."""
    session, at = org.scenario.session, utc("2026-11-05")
    note_id = open_note(session, get_invoice(session, org.id, invoice.id), amount, at)
    _writes(org, line, quantity, -amount, "late", LineCredit(note_id, line.id, 0))
    issued = Settlement(f"cn_{line.id}", f"CN-{line.id}", None, 0, refunded, amount + tax - refunded)
    note_issued(session, get_note(session, org.id, note_id), issued, at)
    session.add(
        StripeCreditNote(
            id=f"cn_{line.id}", org_id=org.id, invoice_id=invoice.stripe_invoice_id, own_id=note_id,
            number=f"CN-{line.id}", status="issued", currency="USD", total=amount + tax, due=0, paid=amount + tax,
            outside=0, refunds=[{"refund": "re_unknown", "amount": refunded}] if refunded else [], created_at=at,
            retrieved_at=at,
        )
    )  # fmt: skip
    session.commit()


def _writes(org: Org, line: Any, quantity: str, amount: int, kind: str, credit: LineCredit | None) -> Any:
    session = org.scenario.session
    before = {each.id for each in find_lines(session, org)}
    facts = LineFacts(
        meter_id=line.meter_id, period=Period(line.period_start, line.period_end),
        plan_version_id=line.plan_version_id, quantity=Decimal(quantity), imported=Decimal(0), events=1,
        currency="USD", exact_amount=Decimal(amount), amount=amount, reason=None, terms=line.terms,
        breakdown=line.breakdown | {"counted": "60300"}, kind=kind, credit=credit,
    )  # fmt: skip
    write_lines(session, {org.id: [facts]}, org.now)
    session.commit()
    [written] = [each for each in find_lines(session, org) if each.id not in before]
    return written
