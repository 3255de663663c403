"""Ten orgs live six months through the stand-in: what we billed is what Stripe billed, and Stripe's totals add up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.invoices.models import FINAL, Invoice, InvoiceLine
from app.kit.actor import SYSTEM
from app.metering.corrections.void import void_event
from app.payments.cli import background_gateway
from app.web.database import transaction
from tests.billing_runs.test_close import run
from tests.scenario import Scenario
from tests.scenario.buying import DECLINES
from tests.scenario.org import Org

MONTHS = 6
_OF_CLOSED = text("""
    SELECT e.event_id FROM usage_events e JOIN usage_periods p ON p.org_id = e.org_id AND p.closed_at IS NOT NULL
         AND e.occurred_at >= p.starts_at AND e.occurred_at < p.ends_at
    WHERE e.org_id = :org AND e.quantity > 0 AND e.reverses IS NULL
      AND NOT EXISTS (SELECT FROM usage_events v WHERE v.org_id = e.org_id AND v.reverses = e.key)
    ORDER BY e.event_id
""")


class Company:
    """Ten orgs on plans of one month and of one year; what they do follows from the seed."""

    def __init__(self, scenario: Scenario, random: Random) -> None:
        self.scenario, self.random, self.v1 = scenario, random, scenario.stripe.client().v1
        self.since: dict[UUID, datetime] = {}
        self.orgs = [self.open("year" if number in {3, 7} else "month") for number in range(10)]
        self.discount(self.orgs[1], percent_off=20)
        self.discount(self.orgs[2], amount_off=300, currency="usd")
        self.v1.customers.balance_transactions.create(self.orgs[4].customer_id, {"amount": -2500, "currency": "usd"})
        scenario.settle()

    def open(self, interval: str) -> Org:
        org = self.scenario.org()
        said = "discount_usage = true" if self.random.random() < 0.3 else ""
        plan = self.scenario.plan(policy="charge", allowance=self.random.choice((0, 100, 5_000)), said=said)
        with background_gateway():
            org.pays(org.opens(plan, interval))
            org.returns()
        self.since[org.id] = self.scenario.clock.at + timedelta(minutes=1)
        self.scenario.later(days=self.random.randint(0, 2), hours=self.random.randint(1, 20))
        return org

    def discount(self, org: Org, **off: Any) -> None:
        [running] = self.scenario.stripe.objects("subscription", customer=org.customer_id)
        coupon = self.v1.coupons.create({**off, "duration": "forever"})
        self.v1.subscriptions.update(running["id"], {"discounts": [{"coupon": coupon.id}]})

    def live(self, until: datetime) -> None:
        """From boundary to boundary; what is reported lies since the boundary before, or some days earlier: late."""
        while (boundary := self.next_boundary()) <= until:
            self.report()
            self.scenario.at(boundary)
            self.scenario.settle()
            run(self.scenario, *self.orgs)
            self.scenario.later(hours=1)
            for _ in range(2):
                self.scenario.settle()
                run(self.scenario, *self.orgs)
            self.scenario.settle()
            self.meddle()

    def next_boundary(self) -> datetime:
        """The next end of a usage period, with that of yearly subscribers' months."""
        with transaction() as session:
            ends = session.scalar(
                text("SELECT min(ends_at) FROM usage_periods WHERE ends_at > :now"), {"now": self.scenario.clock.at}
            )
        assert ends is not None
        return ends.astimezone(UTC)

    def report(self) -> None:
        for org in self.orgs:
            for _ in range(self.random.randint(0, 2)):
                at = self.scenario.clock.at - timedelta(hours=self.random.choice((0, 0, 1, 30, 200)))
                quantity = self.random.choice((1, 7, 49, 50, 400, 12_000))
                org.uses(quantity, meter=org.plan.meter, at=f"{max(at, self.since[org.id]):%Y-%m-%d %H:%M}")

    def meddle(self) -> None:
        """Now and then an event of a closed period is voided, a card declines, or a debt is paid."""
        org = self.random.choice(self.orgs)
        with transaction() as session:
            known = list(session.scalars(_OF_CLOSED, {"org": org.id}))
        if known and self.random.random() < 0.4:
            with transaction() as session:
                void_event(session, org.id, self.random.choice(known), "sent twice", actor=SYSTEM, now=org.now)
        elif self.random.random() < 0.15:
            org.with_card(DECLINES)
        else:
            org.with_card()
            self.scenario.settle()
            for owed in self.scenario.stripe.objects("invoice", customer=org.customer_id, status="open"):
                self.v1.invoices.pay(owed["id"])
        self.scenario.settle()


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_six_months_of_ten_orgs_are_billed_alike_here_and_at_stripe(scenario: Scenario, seed: int) -> None:
    company = Company(scenario, Random(seed))
    company.live(scenario.clock.at + timedelta(days=30 * MONTHS))
    scenario.session.rollback()
    sent = 0
    for org in company.orgs:
        theirs = {each["id"]: each for each in scenario.stripe.objects("invoice", customer=org.customer_id)}
        sent += check_lines(scenario, org, theirs)
        check_totals(theirs)
    assert sent >= 3 * MONTHS, "too little was billed to prove anything"


def check_lines(scenario: Scenario, org: Org, theirs: dict[str, dict[str, Any]]) -> int:
    """Each line that we sent is at Stripe once, on its invoice, with its amount; nothing else of ours is there."""
    query = (
        select(InvoiceLine, Invoice.stripe_invoice_id, Invoice.state)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.org_id == org.id, Invoice.stripe_invoice_id.is_not(None))
    )
    ours = {
        str(line.id): (invoice, line.amount) for line, invoice, state in scenario.session.execute(query)
        if state == FINAL
    }  # fmt: skip
    items = scenario.stripe.objects("invoiceitem", customer=org.customer_id)
    marked = Counter(each["metadata"].get("tollkeeper_line", each["id"]) for each in items)
    assert max(marked.values(), default=1) == 1, marked
    there = {
        each["metadata"]["tollkeeper_line"]: (each["invoice"], each["amount"])
        for each in items
        if "tollkeeper_line" in each["metadata"] and theirs[each["invoice"]]["status"] != "draft"
    }
    assert there == ours
    for invoice in theirs.values():
        assert sum(line["amount"] for line in invoice["lines"]["data"]) == invoice["subtotal"]
    return len(ours)


def check_totals(theirs: dict[str, dict[str, Any]]) -> None:
    """Stripe's totals = paid + open + void + moved by the balance + credited before payment + uncollectible."""
    final = [each for each in theirs.values() if each["status"] != "draft"]
    left = {status: sum(each["amount_remaining"] for each in final if each["status"] == status)
            for status in ("open", "uncollectible")}  # fmt: skip
    void = sum(each["total"] for each in final if each["status"] == "void")
    kept = [each for each in final if each["status"] != "void"]
    paid = sum(each["amount_paid"] for each in kept)
    moved = sum(each["ending_balance"] - each["starting_balance"] for each in kept)
    credited = sum(each["pre_payment_credit_notes_amount"] for each in kept)
    assert sum(each["total"] for each in final) == paid + void + moved + credited + sum(left.values())
