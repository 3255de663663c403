"""/billing/receipt: the terms as agreed and today's, and whether closed periods were billed by them."""

from __future__ import annotations

import html
from typing import Any

import pytest
from sqlalchemy import select

from app.catalog.models import PlanVersion
from app.portal.invoices.contract.comparison import AGREED, CHANGED, UNEXPLAINED, list_contract_rows
from app.portal.invoices.contract.receipt import Agreement, build_receipt_view
from app.portal.invoices.lines import list_closed_periods
from app.statements.offers import Offer, list_offers
from tests.factories import utc
from tests.pages import text_of
from tests.portal.invoices.books import Used, closes, month
from tests.scenario import Org, Scenario

PRO = ("per_unit", {"unit_amount": "0.01"})


def offer_of(org: Org) -> Offer:
    version: Any = org.plan_version
    return next(offer for offer in list_offers(org.session, version) if offer.version_id == version)


@pytest.mark.parametrize(
    ("used", "verdict", "words"),
    [
        (Used("60000", PRO), AGREED, "Pro, version 1."),
        (Used("3", None, allowance=None, meter="tokens", policy="warn"), AGREED, "Pro, version 1."),
        (
            Used("60000", PRO, allowance="55000", sources=(("allowance", "override"),)),
            CHANGED,
            "allowance agreed for your organisation",
        ),
        (Used("60000", ("per_unit", {"unit_amount": "0.02"})), UNEXPLAINED, "price differs from the plan"),
        (
            Used("60000", None, reason="not_collected", sources=(("charge", "not_collected"),)),
            CHANGED,
            "price since no payment was collected",
        ),
    ],
    ids=["agreed", "not-mentioned", "override", "other-price", "not-collected"],
)
def test_a_closed_period_was_billed_as_agreed_or_it_says_why_not(
    scenario: Scenario, used: Used, verdict: tuple[str, str, str], words: str
) -> None:
    org = scenario.org().on("pro")
    closes(org, month(10), used)
    periods = list_closed_periods(org.session, org.id, None, 3)
    offer = offer_of(org)
    [row] = list_contract_rows(periods, {offer.version_id: offer}, "UTC", str)
    assert (row.verdict, words in row.note) == (verdict, True), row.note


def test_today_s_version_stands_beside_the_agreed_one(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    agreed = offer_of(org)
    prices = {key: amount + 1_000 for key, amount in agreed.prices.items()}
    today = Offer(**{name: getattr(agreed, name) for name in agreed.__dataclass_fields__} | {
        "prices": prices, "number": 2, "version_id": org.id})  # fmt: skip
    view = build_receipt_view(Agreement(agreed, today, "USD", "month", utc("2026-11-01"), "UTC"), [])
    assert (view.is_newest, view.newest) == (False, 2)
    assert [(row.label, row.cells[1]) for row in view.changes] == [
        ("Price", "$59.00 a month, before tax and discounts")
    ]  # fmt: skip
    assert ("Price", "$49.00 a month, before tax and discounts") in view.facts


@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_the_page_has_the_terms_and_the_last_periods(scenario: Scenario, role: str) -> None:
    org = scenario.org().on("pro")
    closes(org, month(10), Used("60000", PRO))
    page = html.unescape(text_of(org.browser(role).get("/billing/receipt"), 200))
    number = org.session.scalar(select(PlanVersion.number).where(PlanVersion.id == org.plan_version))
    assert f"Pro, version {number}" in page
    assert "As agreed" in page
    assert "1–31 Oct 2026" in page
    assert "You are on today's version" in page


def test_an_org_on_the_free_plan_has_a_receipt_too(scenario: Scenario) -> None:
    page = html.unescape(text_of(scenario.org().browser().get("/billing/receipt"), 200))
    assert "Free, version" in page
    assert "No usage period has been closed yet." in page
