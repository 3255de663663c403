"""Bank debits: the payment is under way for days, then it succeeds or fails; and the credits that name their debits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.billing import Shop, at, refused
from tests.standin import StandIn
from tests.standin_visit import Visit
from tests.today import FixedClock

PAYS, FAILS = "AT611904300234573201", "AT861904300235473202"


@pytest.fixture
def shop(standin: StandIn, clock: FixedClock) -> Shop:
    clock.at = at(2026, 4, 1)
    return Shop(standin)


def buy(shop: Shop, iban: str, **more: Any) -> Any:
    """Somebody pays on the hosted page from an account; the session afterwards."""
    session = shop.checkout(**more)
    visit = Visit(shop.standin.url)
    visit.open(str(session.url))
    assert iban in visit.text
    visit.submit(f"debit-{iban[-4:]}")
    assert visit.location, visit.text
    return shop.session(session.id)


def save_account(shop: Shop, iban: str) -> str:
    details: Any = {"name": "Asa Ek", "email": "asa@example.org"}
    params: Any = {"type": "sepa_debit", "sepa_debit": {"iban": iban}, "billing_details": details}
    method = shop.v1.payment_methods.create(params).id
    shop.v1.payment_methods.attach(method, {"customer": shop.customer})
    shop.v1.customers.update(shop.customer, {"invoice_settings": {"default_payment_method": method}})
    return method


@pytest.mark.parametrize(("iban", "ends"), [(PAYS, "succeeded"), (FAILS, "failed")])
def test_a_first_payment_by_debit_is_unpaid_for_days(
    shop: Shop, standin: StandIn, clock: FixedClock, iban: str, ends: str
) -> None:
    session = buy(shop, iban)
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    subscription = shop.v1.subscriptions.retrieve(str(session.subscription))
    invoice = shop.v1.invoices.retrieve(str(session.invoice))
    assert (subscription.status, invoice.status) == ("active", "open")
    assert {"payment_intent.processing", "charge.pending", "checkout.session.completed"} <= set(shop.types())
    clock.advance(timedelta(days=4))
    standin.run_due()
    assert f"checkout.session.async_payment_{ends}" in shop.types()
    states = (shop.session(session.id).payment_status, shop.v1.subscriptions.retrieve(subscription.id).status)
    assert states == (("paid", "active") if ends == "succeeded" else ("unpaid", "past_due"))
    assert shop.v1.invoices.retrieve(invoice.id).status == ("paid" if ends == "succeeded" else "open")


def test_a_renewal_under_way_is_neither_paid_nor_overdue(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    method = save_account(shop, PAYS)
    shop.v1.subscriptions.update(subscription.id, {"default_payment_method": method})
    clock.at = at(2026, 5, 1, 2)
    standin.run_due()
    renewal = shop.invoices(subscription.id)[-1]
    assert (renewal.status, renewal.attempted, renewal.next_payment_attempt) == ("open", True, None)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert "invoice.payment_failed" not in shop.types()
    shop.v1.invoices.pay(renewal.id)  # nothing is paid twice
    page = Visit(standin.url)
    page.open(str(renewal.hosted_invoice_url))
    page.submit("pay", number="4242424242424242", expiry="12 / 34", cvc="123", name="Asa Ek")
    assert "A bank debit is under way" in page.text
    clock.at = at(2026, 5, 6)
    standin.run_due()
    assert shop.v1.invoices.retrieve(renewal.id).status == "paid"
    assert shop.types().count("charge.pending") == 1


def test_a_renewal_that_the_bank_refuses_is_tried_again(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    method = save_account(shop, FAILS)
    shop.v1.subscriptions.update(subscription.id, {"default_payment_method": method})
    clock.at = at(2026, 5, 5, 2)
    standin.run_due()
    renewal = shop.invoices(subscription.id)[-1]
    assert (renewal.status, renewal.attempt_count) == ("open", 1)
    assert renewal.next_payment_attempt is not None
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    shop.change_card(subscription.id, "pm_card_visa")
    clock.at = at(2026, 5, 9)
    standin.run_due()
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_pending_update_is_not_for_debits(shop: Shop) -> None:
    subscription = shop.subscribe()
    method = save_account(shop, PAYS)
    shop.v1.subscriptions.update(subscription.id, {"default_payment_method": method})
    row: Any = {"id": subscription["items"].data[0].id, "price": shop.make_price(4900)}
    params: Any = {"items": [row], "payment_behavior": "pending_if_incomplete", "proration_behavior": "always_invoice"}
    assert "sepa_debit" in refused(lambda: shop.v1.subscriptions.update(subscription.id, params))["message"]


def test_accounts_and_cards_have_fingerprints_that_tell_them_apart(shop: Shop) -> None:
    first, second = (shop.v1.payment_methods.retrieve(save_account(shop, iban)) for iban in (PAYS, FAILS))
    again = shop.v1.payment_methods.retrieve(save_account(shop, "at61 1904 3002 3457 3201"))
    assert first.sepa_debit.fingerprint == again.sepa_debit.fingerprint != second.sepa_debit.fingerprint
    cards = [shop.v1.payment_methods.retrieve(shop.save_card(token)) for token in ("pm_card_visa", "pm_card_visa")]
    other = shop.v1.payment_methods.retrieve(shop.save_card("pm_card_mastercard"))
    assert cards[0].card.fingerprint == cards[1].card.fingerprint != other.card.fingerprint


def test_a_credit_names_the_line_that_it_credits(shop: Shop, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    first = shop.invoices(subscription.id)[0]
    clock.advance(timedelta(days=15))
    item = subscription["items"].data[0].id
    params: Any = {"items": [{"id": item, "price": shop.make_price(4900)}], "proration_behavior": "always_invoice"}
    changed = shop.v1.subscriptions.update(subscription.id, params)
    credit = shop.v1.invoices.retrieve(str(changed.latest_invoice)).lines.data[0]
    details: Any = credit.parent.subscription_item_details.proration_details.credited_items  # type: ignore[union-attr]
    assert (details.invoice, details.invoice_line_items) == (first.id, [first.lines.data[0].id])
    assert credit.discountable is False


def test_a_credit_that_waits_names_the_item_that_waits(shop: Shop, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    item = subscription["items"].data[0].id
    for day, amount in ((10, 4900), (20, 9900)):
        clock.at = at(2026, 4, 1) + timedelta(days=day)
        rows: Any = {"items": [{"id": item, "price": shop.make_price(amount)}]}
        shop.v1.subscriptions.update(subscription.id, rows)
    waiting = shop.v1.invoice_items.list({"customer": shop.customer, "pending": True}).data
    named: Any = [row.proration_details.credited_items for row in waiting if row.amount < 0]
    assert sorted(found.type for found in named) == ["invoice_item", "invoice_line_items"]
