"""The calls of usage invoices, as a program makes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.invoices.offline.queries import get_issued
from app.invoices.service import release
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario
from tests.support.copy import copy

GRADUATED = ("graduated", {"tiers": [{"up_to": 1000, "unit_amount": "0.0105"}, {"unit_amount": "0.005"}]})
NOBODYS = "00000000-0000-7000-8000-00000000dead"


def get(org: Org, path: str, status: int = 200, scope: str = "billing:read") -> Any:
    answer = org.scenario.client.get(f"/api/v1{path}", headers=org.api(scope))
    assert answer.status_code == status, answer.text
    return answer.json


def test_an_org_without_usage_invoices_has_none(paid: Scenario) -> None:
    org = paid.org()
    closes(org, month(10), Used("50030"))  # waits, below the smallest charge
    assert get(org, "/invoices") == {"invoices": [], "next": None}


def test_invoices_have_their_lines_and_what_stripe_says_of_them(paid: Scenario) -> None:
    org = paid.org()
    lines = [*closes(org, month(9), Used("50030")), *closes(org, month(10), Used("60000", imported="5"),
                                                            Used("3", meter="documents"))]  # fmt: skip
    invoice = bills(org, lines, total=14_900, pdf_url="https://pay.stripe.com/x/pdf")
    [shown] = get(org, "/invoices")["invoices"]
    assert shown == get(org, f"/invoices/{invoice.id}")
    assert (shown["kind"], shown["state"], shown["status"], shown["usage_amount"], shown["total"]) == (
        "manual", "final", "paid", 10_030, 14_900,
    )  # fmt: skip
    assert shown["number"] == f"TK-{invoice.stripe_invoice_id}"
    assert (shown["hosted_url"], shown["pdf_url"]) == (
        f"https://invoice.stripe.com/i/{invoice.id}", "https://pay.stripe.com/x/pdf",
    )  # fmt: skip
    older, newer = shown["lines"]
    assert (older["amount"], newer["amount"]) == (30, 10_000)
    assert newer | {"id": ""} == {
        "id": "", "kind": "usage", "meter": "api_calls", "name": "API calls", "unit": "call",
        "plan": {"key": "free", "name": "Free", "version": 1},
        "period": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
        "quantity": "60000", "included": "50000", "excess": "10000", "imported": "5", "events": 7,
        "amount": 10_000, "discount": 0, "net_amount": 10_000, "exact_amount": "100", "currency": "USD",
    }  # fmt: skip


def test_a_discount_is_taken_off_the_line_and_named(paid: Scenario) -> None:
    org = paid.org()
    bills(org, closes(org, month(10), Used("60000")), percent_off=20)
    [invoice] = get(org, "/invoices")["invoices"]
    [line] = invoice["lines"]
    assert (invoice["usage_amount"], invoice["usage_discount"]) == (10_000, 2_000)
    assert (line["amount"], line["discount"], line["net_amount"]) == (10_000, 2_000, 8_000)
    explanation = get(org, f"/invoices/{invoice['id']}/lines/{line['id']}/explanation")
    assert explanation["formula"][-1] == copy("usage_charges.discount", rate="20 %")


def test_an_invoice_of_ours_has_its_own_number_and_due_day(paid: Scenario) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")), kind="offline", status=None)
    [shown] = get(org, "/invoices")["invoices"]
    issued = get_issued(paid.session, invoice.id)
    assert (shown["kind"], shown["state"], shown["number"], shown["status"]) == (
        "offline", "final", issued.number, "open",
    )  # fmt: skip
    assert (shown["total"], shown["amount_due"], shown["hosted_url"]) == (10_000, 10_000, None)
    assert shown["due_at"] == f"{issued.due_at:%Y-%m-%dT%H:%M:%SZ}"


def test_invoices_come_by_page_newest_first(paid: Scenario) -> None:
    org = paid.org()
    made = [str(bills(org, closes(org, month(number), Used("60000"))).id) for number in range(5, 10)]
    seen, following = [], ""
    for _ in range(3):
        page = get(org, f"/invoices?limit=2{following}")
        seen += [invoice["id"] for invoice in page["invoices"]]
        following = f"&next={page['next']}"
    assert page["next"] is None
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("charge", "bound"),
    [(GRADUATED, None), (("per_unit", {"unit_amount": "0.001", "minimum": "40.00"}), "minimum"),
     (("per_unit", {"unit_amount": "1", "maximum": "40.00"}), "maximum")],
)  # fmt: skip
def test_the_steps_of_an_explanation_add_up(paid: Scenario, charge: tuple[str, Any], bound: str | None) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("12345.5", charge, allowance="1000", cap="90000",
                                                     sources=(("allowance", "override"),))))  # fmt: skip
    [line] = get(org, f"/invoices/{invoice.id}")["lines"]
    told = get(org, f"/invoices/{invoice.id}/lines/{line['id']}/explanation")
    assert told["line"] == line
    parts = [Decimal(step["subtotal"]) for step in told["steps"]]
    parts += [Decimal(told[name]) for name in ("minimum", "maximum") if told[name] is not None]
    assert sum(parts) == Decimal(line["exact_amount"])
    assert abs(sum(parts) * 100 - line["amount"]) <= Decimal("0.5")
    assert [name for name in ("minimum", "maximum") if told[name] is not None] == ([bound] if bound else [])
    assert told["rated_by"] == {
        "policy": "charge", "allowance": "1000", "hard_limit": None, "cap": "90000",
        "sources": {"allowance": "override"}, "model": charge[0], "properties": charge[1],
    }  # fmt: skip
    assert told["formula"]


def test_what_is_another_orgs_or_unknown_is_not_found(paid: Scenario) -> None:
    org, stranger = paid.org(), paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")))
    other = bills(org, closes(org, month(9), Used("60000")))
    [line] = get(org, f"/invoices/{invoice.id}")["lines"]
    whole = f"/invoices/{invoice.id}/lines/{line['id']}/explanation"
    get(org, whole)
    assert get(stranger, "/invoices")["invoices"] == []
    for path in (f"/invoices/{invoice.id}", whole):
        assert get(stranger, path, 404)["code"] == "not_found"
    for path in (f"/invoices/{NOBODYS}", f"/invoices/{NOBODYS}/lines/{line['id']}/explanation", "/invoices/nope",
                 f"/invoices/{invoice.id}/lines/{NOBODYS}/explanation",
                 f"/invoices/{other.id}/lines/{line['id']}/explanation"):  # fmt: skip
        assert get(org, path, 404)["code"] == "not_found"


def test_a_draft_that_was_dropped_is_gone(paid: Scenario) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")), status="draft")
    get(org, f"/invoices/{invoice.id}")
    release(paid.session, invoice, {}, org.now)
    paid.session.commit()
    assert get(org, "/invoices")["invoices"] == []
    get(org, f"/invoices/{invoice.id}", 404)


@pytest.mark.parametrize("query", ["next=nope", "next=WyJhIiwiYiJd", "limit=0", "limit=201", "x=1"])
def test_a_query_that_makes_no_sense_is_refused(paid: Scenario, query: str) -> None:
    assert get(paid.org(), f"/invoices?{query}", 400)["code"] == "invalid_request"


def test_the_scope_is_that_of_billing(paid: Scenario) -> None:
    for path in ("/invoices", f"/invoices/{NOBODYS}", f"/invoices/{NOBODYS}/lines/{NOBODYS}/explanation"):
        assert get(paid.org(), path, 403, scope="usage:read")["code"] == "scope_missing"


def test_a_page_of_invoices_asks_the_database_little(paid: Scenario) -> None:
    org = paid.org()
    for number in range(4, 11):
        bills(org, closes(org, month(number), Used("60000"), Used("60000", meter="documents")))
    headers = org.api("billing:read")
    paid.client.get("/api/v1/invoices", headers=headers)  # the first call opens the org's period
    with paid.statements() as asked:
        assert paid.client.get("/api/v1/invoices", headers=headers).status_code == 200
    assert len(asked) <= 6, asked
