"""An account through any life at Stripe: it closes with what is due on open invoices, less what the balance keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from app.catalog.queries import get_plans_of_versions
from app.invoices.offline.models import IssuedInvoice
from app.kit.periods import Period
from app.payments.models import StripeCustomer, StripeInvoice
from app.portal.account_statement.account import AccountStatement, CurrencyAccount, StatementSpan
from app.portal.account_statement.movements import CHARGE, CREDIT
from app.portal.account_statement.queries import get_statement
from app.portal.account_statement.requests import usual_span
from app.portal.invoices.focus.documents import iterate_month, load_prices
from app.portal.invoices.focus.rows import Billing, iterate_rows
from tests.factories import utc
from tests.scenario import Org, Scenario

CARDS = ("pm_card_visa", "pm_card_chargeCustomerFail")
Act = Callable[[Org, Random], None]


def statement(org: Org) -> AccountStatement:
    return get_statement(org.session, org.id, usual_span("UTC", org.now))


def owed(org: Org) -> dict[str, int]:
    """What is due on open invoices, Stripe's and ours, less the credit that is kept."""
    balance: dict[str, int] = defaultdict(int)
    for currency, amount in org.session.execute(
        select(StripeInvoice.currency, func.sum(StripeInvoice.amount_remaining))
        .where(StripeInvoice.org_id == org.id, StripeInvoice.status == "open")
        .group_by(StripeInvoice.currency)
    ):
        balance[currency] += int(amount)
    for currency, amount in org.session.execute(
        select(IssuedInvoice.currency, func.sum(IssuedInvoice.remaining))
        .where(IssuedInvoice.org_id == org.id, IssuedInvoice.state == "open")
        .group_by(IssuedInvoice.currency)
    ):
        balance[currency] += int(amount)
    kept = org.session.scalar(select(func.sum(StripeCustomer.balance)).where(StripeCustomer.org_id == org.id))
    balance["USD"] += int(kept or 0)
    return {currency: amount for currency, amount in balance.items() if amount}


def billed(account: CurrencyAccount) -> Decimal:
    """What the account was charged and credited, in major units."""
    return Decimal(account.sums[CHARGE] + account.sums[CREDIT]) / 100


def costs(org: Org) -> dict[str, Decimal]:
    """What the FOCUS rows of all months come to, by currency; those of each document come to what it moved."""
    costs: dict[str, Decimal] = defaultdict(Decimal)
    always = Period(utc("2000-01-01"), utc("2100-01-01"))
    for page in iterate_month(org.session, org.id, always):
        prices = load_prices(org.session, page)
        plans = get_plans_of_versions(org.session, {price.plan_version_id for price in prices.values()})
        billing = Billing(org.id, "High Tide", "Toll Ltd", prices, plans)
        for document in page:
            rows = list(iterate_rows(billing, document))
            assert sum(row.billed_cost for row in rows) * 100 == document.moved.amount, document.moved
            costs[document.moved.currency] += sum(row.billed_cost for row in rows)
    return {currency: cost for currency, cost in costs.items() if cost}


def agrees(org: Org) -> AccountStatement:
    """The account closes with what is owed, and each span opens with what the one before closed."""
    org.scenario.settle()
    found = statement(org)
    closing = {account.currency: account.closing for account in found.accounts if account.closing}
    assert closing == owed(org)
    for account in found.accounts:
        assert account.opening + sum(account.sums.values()) == account.closing
    assert costs(org) == {account.currency: billed(account) for account in found.accounts if billed(account)}
    day = org.now.date() - timedelta(days=3)
    before = StatementSpan(day - timedelta(days=200), day, "UTC")
    after = StatementSpan(day + timedelta(days=1), org.now.date(), "UTC")
    closed, opened = (get_statement(org.session, org.id, span) for span in (before, after))
    assert {a.currency: a.closing for a in closed.accounts if a.closing} == {
        a.currency: a.opening for a in opened.accounts if a.opening
    }
    return found


def renew(org: Org, random: Random) -> None:
    org.scenario.renew()


def change_card(org: Org, random: Random) -> None:
    org.with_card(random.choice(CARDS))


def adjust(org: Org, random: Random) -> None:
    v1, amount = org.scenario.stripe.client().v1, random.choice((-2500, -400, -30, 20, 700))
    v1.customers.balance_transactions.create(org.customer_id, {"amount": amount, "currency": "usd"})


def charge(org: Org, random: Random) -> None:
    """A manual invoice, below the smallest charge too, or below zero."""
    v1, amount = org.scenario.stripe.client().v1, random.choice((-800, 20, 100, 3000))
    made = v1.invoices.create({"customer": org.customer_id, "currency": "usd", "auto_advance": False})
    item: Any = {"customer": org.customer_id, "currency": "usd", "amount": amount, "invoice": made.id}
    v1.invoice_items.create(item)
    v1.invoices.finalize_invoice(made.id, {"auto_advance": random.random() < 0.5})


def settle_open(org: Org, random: Random) -> None:
    """Pay, void or write off an invoice, or pay it outside Stripe."""
    v1 = org.scenario.stripe.client().v1.invoices
    for each in org.scenario.stripe.objects("invoice", customer=org.customer_id, status="open")[:1]:
        act = random.choice(("void", "write off", "outside", "pay"))
        if act == "void":
            v1.void_invoice(each["id"])
        elif act == "write off":
            v1.mark_uncollectible(each["id"])
        elif act == "outside":
            v1.pay(each["id"], {"paid_out_of_band": True})
        else:
            methods = org.scenario.stripe.client().v1.payment_methods
            card = methods.attach("pm_card_visa", {"customer": org.customer_id})
            v1.pay(each["id"], {"payment_method": card.id})


def settle_written_off(org: Org, random: Random) -> None:
    v1 = org.scenario.stripe.client().v1.invoices
    for each in org.scenario.stripe.objects("invoice", customer=org.customer_id, status="uncollectible")[:1]:
        if random.random() < 0.5:
            v1.void_invoice(each["id"])
        else:
            v1.pay(each["id"], {"paid_out_of_band": True})


def left_to_refund(org: Org, invoice: dict[str, Any]) -> int:
    """What is left of an invoice's payment."""
    stripe = org.scenario.stripe
    payments = stripe.objects("invoice_payment", invoice=invoice["id"], status="paid")
    given = sum(
        refund["amount"]
        for payment in payments
        for refund in stripe.objects("refund", payment_intent=payment["payment"]["payment_intent"])
        if refund["status"] == "succeeded"
    )
    return sum(payment["amount_paid"] for payment in payments) - given


def credit(org: Org, random: Random) -> None:
    """A credit note by hand on an open or paid invoice: what was paid goes back, is kept, or went back elsewhere."""
    stripe = org.scenario.stripe
    candidates = [
        each
        for each in stripe.objects("invoice", customer=org.customer_id)
        if each["status"] in {"open", "paid"} and _left(org, each) > 100
    ]
    if not candidates:
        return
    invoice = random.choice(candidates)
    total = random.randint(1, _left(org, invoice))
    paid = total - min(total, invoice["amount_remaining"])
    refund = min(paid, left_to_refund(org, invoice)) if random.random() < 0.6 else 0
    kept = (paid - refund) if random.random() < 0.7 else 0
    lines = [{"type": "custom_line_item", "description": "Goodwill", "quantity": 1, "unit_amount": total}]
    given: Any = {"invoice": invoice["id"], "lines": lines}
    parts = {"refund_amount": refund, "credit_amount": kept, "out_of_band_amount": paid - refund - kept}
    stripe.client().v1.credit_notes.create(given | {name: amount for name, amount in parts.items() if amount})


def _left(org: Org, invoice: dict[str, Any]) -> int:
    """What can still be credited."""
    stripe = org.scenario.stripe
    notes = stripe.objects("credit_note", invoice=invoice["id"], status="issued")
    named = sum(part["amount_refunded"] for note in notes for part in note["refunds"])
    payments = stripe.objects("invoice_payment", invoice=invoice["id"], status="paid")
    paid = sum(payment["amount_paid"] for payment in payments)
    return int(invoice["total"]) - sum(note["total"] for note in notes) - max(
        paid - left_to_refund(org, invoice) - named, 0
    )  # fmt: skip


def void_note(org: Org, random: Random) -> None:
    stripe = org.scenario.stripe
    for note in stripe.objects("credit_note", customer=org.customer_id, status="issued"):
        invoice = stripe.world.get("invoice", note["invoice"])
        if not note["refunds"] and (not note["pre_payment_amount"] or invoice["status"] == "open"):
            stripe.client().v1.credit_notes.void_credit_note(note["id"])
            return


def refund(org: Org, random: Random) -> None:
    """Money goes back without a note."""
    stripe = org.scenario.stripe
    for invoice in stripe.objects("invoice", customer=org.customer_id, status="paid"):
        left = min(left_to_refund(org, invoice), _left(org, invoice))
        if left > 10:
            [payment] = stripe.objects("invoice_payment", invoice=invoice["id"], status="paid")
            intent = payment["payment"]["payment_intent"]
            stripe.client().v1.refunds.create({"payment_intent": intent, "amount": random.randint(1, left)})
            return


def link_refund(org: Org, random: Random) -> None:
    """A note follows a refund that was made before it."""
    stripe = org.scenario.stripe
    linked = {part["refund"] for note in stripe.objects("credit_note") for part in note["refunds"]}
    for made in stripe.objects("refund"):
        payments = stripe.objects("invoice_payment", status="paid")
        [invoice] = [p["invoice"] for p in payments if p["payment"]["payment_intent"] == made["payment_intent"]]
        if made["id"] in linked or made["status"] != "succeeded":
            continue
        lines = [
            {"type": "custom_line_item", "description": "Back", "quantity": 1, "unit_amount": made["amount"]}
        ]  # fmt: skip
        given: Any = {"invoice": invoice, "lines": lines, "refunds": [{"refund": made["id"]}]}
        stripe.client().v1.credit_notes.create(given)
        return


def wait(org: Org, random: Random) -> None:
    org.scenario.later(days=random.randint(0, 4), hours=random.randint(0, 23))


ACTS: list[Act] = [renew, change_card, adjust, charge, charge, settle_open, settle_open, settle_written_off, credit,
                   credit, void_note, refund, link_refund, wait, wait]  # fmt: skip
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 60))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_today_s_balance_is_what_is_due_less_what_is_kept(paid: Scenario, seed: int) -> None:
    random = Random(seed)
    org = paid.org().paying(paid.plan())
    agrees(org)
    for _ in range(16):
        act = random.choice(ACTS)
        print(act.__name__, org.now)
        act(org, random)
        agrees(org)
