"""Changes that await their payment: when they lapse, what they hold, what replaces them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.billing import Shop, at, refused
from tests.standin import StandIn
from tests.today import FixedClock


@pytest.fixture
def shop(standin: StandIn, clock: FixedClock) -> Shop:
    clock.at = at(2026, 4, 1)
    return Shop(standin)


def item_of(subscription: stripe.Subscription) -> Any:
    return subscription["items"].data[0]


def swap(shop: Shop, subscription: stripe.Subscription, price: str, **more: Any) -> stripe.Subscription:
    rows: Any = [{"id": item_of(subscription).id, "price": price}]
    params: Any = {"items": rows, "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    return shop.v1.subscriptions.update(subscription.id, {**params, **more})


def unpaid(shop: Shop, **more: Any) -> stripe.Subscription:
    """A subscription whose change awaits its payment."""
    subscription = shop.subscribe()
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    return swap(shop, subscription, shop.make_price(4900), **more)


@pytest.mark.parametrize(
    ("moment", "lapses"),
    [(at(2026, 4, 10), at(2026, 4, 10, 23)), (at(2026, 4, 30, 12), at(2026, 5, 1))],
    ids=["after 23 hours", "at the end of the period"],
)
def test_a_pending_update_lapses(
    shop: Shop, standin: StandIn, clock: FixedClock, moment: datetime, lapses: datetime
) -> None:
    subscription = shop.subscribe()
    clock.at = moment
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    waiting = swap(shop, subscription, shop.make_price(4900))
    assert waiting.pending_update.expires_at == int(lapses.timestamp())
    clock.at = lapses
    standin.run_due()
    left = shop.v1.subscriptions.retrieve(subscription.id)
    assert (item_of(left).price.id, left.pending_update) == (shop.price, None)
    assert shop.v1.invoices.retrieve(str(waiting.latest_invoice)).status == "void"
    assert "customer.subscription.pending_update_expired" in shop.types()
    clock.at = at(2026, 5, 1, 2)
    standin.run_due()
    assert shop.invoices(subscription.id)[-1].total == 1900


def test_a_pending_update_lapses_with_the_trial(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    shop.save_card()
    params: Any = {"customer": shop.customer, "items": [{"price": shop.price}], "trial_period_days": 7}
    trial = shop.v1.subscriptions.create(params)
    clock.at = at(2026, 4, 7, 20)
    shop.save_card("pm_card_chargeCustomerFail")
    waiting = swap(shop, trial, shop.make_price(4900), trial_end="now")
    assert (waiting.status, waiting.trial_end) == ("trialing", trial.trial_end)
    assert waiting.pending_update.expires_at == trial.trial_end
    clock.at = at(2026, 4, 8)
    standin.run_due()
    assert shop.v1.invoices.retrieve(str(waiting.latest_invoice)).status == "void"


def test_it_holds_metadata_until_it_is_paid(shop: Shop) -> None:
    waiting = unpaid(shop, metadata={"plan": "pro"})
    assert waiting.pending_update.metadata["plan"] == "pro"
    assert "plan" not in waiting.metadata
    shop.change_card(waiting.id, "pm_card_visa")
    shop.v1.invoices.pay(str(waiting.latest_invoice))
    assert shop.v1.subscriptions.retrieve(waiting.id).metadata["plan"] == "pro"
    assert shop.types().count("customer.subscription.pending_update_applied") == 1


def test_settings_alone_change_at_once(shop: Shop) -> None:
    subscription = shop.subscribe()
    params: Any = {"metadata": {"plan": "pro"}, "payment_behavior": "pending_if_incomplete"}
    assert shop.v1.subscriptions.update(subscription.id, params).metadata["plan"] == "pro"


def test_what_it_cannot_hold_is_refused(shop: Shop) -> None:
    subscription = shop.subscribe()
    error = refused(lambda: swap(shop, subscription, shop.make_price(4900), description="x"))
    assert error["param"] == "description"


def test_one_that_is_paid_at_once_is_never_pending(shop: Shop) -> None:
    subscription = shop.subscribe()
    changed = swap(shop, subscription, shop.make_price(4900))
    assert (changed.pending_update, item_of(changed).price.unit_amount) == (None, 4900)
    assert "customer.subscription.pending_update_applied" not in shop.types()


def test_another_change_takes_its_place(shop: Shop) -> None:
    waiting = unpaid(shop)
    again = swap(shop, waiting, shop.make_price(9900))
    assert shop.v1.invoices.retrieve(str(waiting.latest_invoice)).status == "void"
    assert again.pending_update.subscription_items[0].price.unit_amount == 9900
    shop.change_card(waiting.id, "pm_card_visa")
    shop.v1.invoices.pay(str(again.latest_invoice))
    # the void invoice credited nothing: one whole month of 19.00 is taken back
    assert [line.amount for line in shop.v1.invoices.retrieve(str(again.latest_invoice)).lines.data] == [-1900, 9900]
    assert item_of(shop.v1.subscriptions.retrieve(waiting.id)).price.unit_amount == 9900


def test_voiding_its_invoice_drops_it(shop: Shop) -> None:
    waiting = unpaid(shop)
    shop.v1.invoices.void_invoice(str(waiting.latest_invoice))
    left = shop.v1.subscriptions.retrieve(waiting.id)
    assert (left.pending_update, item_of(left).price.id, left.status) == (None, shop.price, "active")


def test_a_card_that_asks_leaves_it_pending_until_the_customer_confirms(shop: Shop, standin: StandIn) -> None:
    subscription = shop.subscribe()
    shop.change_card(subscription.id, "pm_card_authenticationRequired")
    waiting = swap(shop, subscription, shop.make_price(4900))
    invoice = shop.v1.invoices.retrieve(
        str(waiting.latest_invoice), {"expand": ["payments.data.payment.payment_intent"]}
    )
    assert waiting.pending_update is not None
    intent: Any = invoice.payments.data[0].payment.payment_intent  # type: ignore[union-attr]
    assert intent.status == "requires_action"
    assert "invoice.payment_action_required" in shop.types()
    assert waiting.status == "active"


def test_a_yearly_change_that_waits_moves_the_anchor_when_it_is_paid(shop: Shop, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    clock.advance(timedelta(days=10))
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    now: Any = {"billing_cycle_anchor": {"type": "now"}}
    waiting = swap(shop, subscription, shop.make_price(19_000, "year"), **now)
    assert waiting.pending_update.billing_cycle_anchor == int(at(2026, 4, 11).timestamp())
    assert waiting.billing_cycle_anchor == subscription.billing_cycle_anchor
    shop.change_card(subscription.id, "pm_card_visa")
    shop.v1.invoices.pay(str(waiting.latest_invoice))
    changed = shop.v1.subscriptions.retrieve(subscription.id)
    assert item_of(changed).current_period_end == int(at(2027, 4, 11).timestamp())
