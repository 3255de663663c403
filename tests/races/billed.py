"""What a billing run that was killed must have left when it is repeated: at Stripe, and in our tables."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import select

from app.billing_runs.models import PeriodClose
from app.invoices.models import Invoice, InvoiceLine
from app.payments.cli import background_gateway
from app.payments.models import StripeInvoice
from tests.scenario import Org, Scenario


def buys(scenario: Scenario, interval: str, said: str = "") -> Org:
    """An org that bought a plan with 50,000 units, a cent each above that."""
    org, plan = scenario.org(), scenario.plan(policy="charge", allowance=50_000, said=said)
    with background_gateway():
        opened = org.opens(plan, interval)
        org.pays(opened)
        org.returns(opened)
    return org


def beside(scenario: Scenario, org: Org) -> str:
    """A draft that somebody made in the dashboard."""
    v1 = scenario.stripe.client().v1
    made = v1.invoices.create({"customer": org.customer_id, "auto_advance": False})
    v1.invoice_items.create({"customer": org.customer_id, "invoice": made.id, "amount": 777, "currency": "usd"})
    return str(made.id)


def untouched(scenario: Scenario, draft: str) -> bool:
    found = scenario.stripe.client().v1.invoices.retrieve(draft)
    return (found.status, found.total, found.auto_advance) == ("draft", 777, False)


def bills(scenario: Scenario, org: Org) -> list[dict[str, Any]]:
    return scenario.stripe.objects("invoice", customer=org.customer_id)


def renewals(scenario: Scenario, org: Org) -> list[dict[str, Any]]:
    return [each for each in bills(scenario, org) if each["billing_reason"] == "subscription_cycle"]


def own(scenario: Scenario, org: Org) -> list[dict[str, Any]]:
    """Invoices that we made at Stripe."""
    return [each for each in bills(scenario, org) if "tollkeeper_invoice" in each["metadata"]]


def billed(scenario: Scenario, org: Org, names: str = "tollkeeper_line") -> int:
    """What stands on paid invoices for usage, or is taken off it; of each of our lines once."""
    found = [
        line
        for each in bills(scenario, org)
        if each["status"] == "paid"
        for line in each["lines"]["data"]
        if names in line["metadata"]
    ]
    assert max(Counter(line["metadata"][names] for line in found).values(), default=1) == 1
    return sum(line["amount"] for line in found)


def pending_items(scenario: Scenario) -> list[dict[str, Any]]:
    """Items at Stripe that are on no invoice: the next renewal would take them unasked."""
    return [each for each in scenario.stripe.objects("invoiceitem") if each["invoice"] is None]


def nothing_is_left(scenario: Scenario) -> bool:
    """Every close is done, every invoice is final, no line waits."""
    scenario.session.rollback()
    open_ends = (
        select(PeriodClose.org_id).where(PeriodClose.billed_at.is_(None)),
        select(Invoice.org_id).where(Invoice.state == "draft"),
        select(InvoiceLine.org_id).where(InvoiceLine.amount != 0, InvoiceLine.stripe_item_id.is_(None)),
    )
    return not any(scenario.session.execute(asked).first() for asked in open_ends)


def mirrored(scenario: Scenario, org: Org) -> bool:
    """Each of the org's final invoices at Stripe stands here as it is there, and none beside them."""
    scenario.session.rollback()
    there = {
        each["id"]: (each["status"], each["total"], each["amount_paid"])
        for each in bills(scenario, org)
        if each["status"] != "draft"
    }
    rows = scenario.session.scalars(select(StripeInvoice).where(StripeInvoice.org_id == org.id))
    here = {row.id: (row.status, row.total, row.amount_paid) for row in rows if row.status != "draft"}
    return here == there
