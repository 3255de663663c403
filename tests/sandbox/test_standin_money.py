"""Cards kept and charged without an invoice, refunds, coupons, test clocks: as Stripe does them, with their events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.billing import refused
from tests.standin import StandIn
from tests.today import FixedClock


def customer(client: stripe.StripeClient, card: str = "pm_card_visa") -> tuple[str, str]:
    """A customer with a card; returns both ids."""
    made = client.v1.customers.create({"email": "a@example.com"})
    return made.id, client.v1.payment_methods.attach(card, {"customer": made.id}).id


def kinds(standin: StandIn) -> list[str]:
    return [event["type"] for event in standin.events()]


def paid(client: stripe.StripeClient, amount: int = 5000, card: str = "pm_card_visa") -> stripe.PaymentIntent:
    owner, method = customer(client, card)
    return client.v1.payment_intents.create(
        {"amount": amount, "currency": "eur", "customer": owner, "payment_method": method, "confirm": True,
         "off_session": True}
    )  # fmt: skip


def test_a_card_is_attached_made_the_default_and_detached(standin: StandIn) -> None:
    client = standin.client()
    owner, card = customer(client)
    client.v1.customers.update(owner, {"invoice_settings": {"default_payment_method": card}})
    opened = client.v1.customers.retrieve(owner, {"expand": ["invoice_settings.default_payment_method"]}).to_dict()
    assert opened["invoice_settings"]["default_payment_method"]["card"]["last4"] == "4242"
    assert [one.id for one in client.v1.customers.payment_methods.list(owner).data] == [card]
    client.v1.payment_methods.detach(card)
    left: Any = client.v1.customers.retrieve(owner).to_dict()
    assert left["invoice_settings"]["default_payment_method"] is None
    assert kinds(standin) == [
        "customer.created", "payment_method.attached", "customer.updated", "customer.updated",
        "payment_method.detached",
    ]  # fmt: skip


def test_a_default_must_be_the_customers_own_card(standin: StandIn) -> None:
    client = standin.client()
    _, card = customer(client)
    other, _ = customer(client)
    wrong = refused(lambda: client.v1.customers.update(other, {"invoice_settings": {"default_payment_method": card}}))
    assert wrong["param"] == "invoice_settings[default_payment_method]"


def test_a_declined_card_cannot_be_saved_and_one_can_but_not_pay(standin: StandIn) -> None:
    client = standin.client()
    no = refused(lambda: customer(client, "pm_card_chargeDeclined"))
    assert (no["status"], no["type"], no["decline_code"]) == (402, "card_error", "generic_decline")
    later = refused(lambda: paid(client, card="pm_card_chargeCustomerFail"))
    assert (later["code"], later["payment_intent"]["status"]) == ("card_declined", "requires_payment_method")
    assert kinds(standin)[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    kept = client.v1.payment_intents.retrieve(later["payment_intent"]["id"]).to_dict()
    assert kept["last_payment_error"]["decline_code"] == "generic_decline"


def test_a_card_that_always_asks_fails_off_session(standin: StandIn) -> None:
    error = refused(lambda: paid(standin.client(), card="pm_card_authenticationRequired"))
    assert error["code"] == "authentication_required"


def test_a_payment_is_refunded_in_parts_and_never_more_than_whole(standin: StandIn) -> None:
    client = standin.client()
    intent = paid(client)
    assert intent.status == "succeeded"
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 2000})
    client.v1.refunds.create({"payment_intent": intent.id})
    charge: Any = client.v1.charges.retrieve(str(intent.latest_charge), {"expand": ["refunds"]}).to_dict()
    assert (charge["amount_refunded"], charge["refunded"]) == (5000, True)
    assert [one["amount"] for one in charge["refunds"]["data"]] == [3000, 2000]
    assert "refunds" not in client.v1.charges.retrieve(str(intent.latest_charge)).to_dict()
    again = refused(lambda: client.v1.refunds.create({"payment_intent": intent.id}))
    assert again["code"] == "charge_already_refunded"
    assert kinds(standin)[-4:] == ["refund.created", "charge.refunded"] * 2


def test_a_refund_can_fail_later(standin: StandIn, clock: FixedClock) -> None:
    client = standin.client()
    intent = paid(client, card="pm_card_refundFail")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    clock.advance(timedelta(minutes=2))
    assert standin.run_due() == 1
    assert client.v1.refunds.retrieve(refund.id).status == "failed"
    failed = standin.events("refund.failed")[0]
    assert failed["created"] == refund.created + 60  # when it was due, not when the clock was looked at
    assert failed["request"] == {"id": None, "idempotency_key": None}


def test_a_setup_intent_saves_a_card(standin: StandIn) -> None:
    client = standin.client()
    owner = client.v1.customers.create({}).id
    done = client.v1.setup_intents.create({"customer": owner, "payment_method": "pm_card_visa", "confirm": True})
    assert done.status == "succeeded"
    assert client.v1.payment_methods.retrieve(str(done.payment_method)).customer == owner
    asks = client.v1.setup_intents.create(
        {"customer": owner, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True}
    )
    assert asks.status == "requires_action"


def test_a_card_that_another_customer_keeps_is_refused_everywhere(standin: StandIn) -> None:
    client = standin.client()
    (owner, _), (rival, card) = customer(client), customer(client)
    client.v1.payment_intents.create({"amount": 100, "currency": "eur", "customer": rival, "payment_method": card})
    price = client.v1.prices.create(
        {"currency": "eur", "unit_amount": 100, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    ).id
    tries = (
        lambda: client.v1.payment_intents.create(
            {"amount": 100, "currency": "eur", "customer": owner, "payment_method": card}
        ),
        lambda: client.v1.setup_intents.create({"customer": owner, "payment_method": card, "confirm": True}),
        lambda: client.v1.subscriptions.create(
            {"customer": owner, "items": [{"price": price}], "default_payment_method": card}
        ),
    )
    for attempt in tries:
        assert refused(attempt)["status"] == 400
    assert client.v1.payment_methods.retrieve(card).customer == rival


def test_nothing_is_billed_to_a_deleted_customer(standin: StandIn) -> None:
    client = standin.client()
    owner, _ = customer(client)
    draft = client.v1.invoices.create({"customer": owner}).id
    client.v1.customers.delete(owner)
    price = client.v1.prices.create(
        {"currency": "eur", "unit_amount": 100, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    ).id
    tries = (
        lambda: client.v1.invoices.create({"customer": owner}),
        lambda: client.v1.invoice_items.create({"customer": owner, "amount": 100, "currency": "eur"}),
        lambda: client.v1.invoices.create_preview(
            {"customer": owner, "subscription_details": {"items": [{"price": price}]}}
        ),
        lambda: client.v1.invoices.finalize_invoice(draft),
    )
    for attempt in tries:
        assert refused(attempt)["code"] == "resource_missing"


def test_a_deleted_customer_is_found_as_deleted_and_nothing_is_done_to_it(standin: StandIn) -> None:
    client = standin.client()
    owner, _ = customer(client)
    assert client.v1.customers.delete(owner).deleted
    assert client.v1.customers.retrieve(owner).to_dict() == {"id": owner, "object": "customer", "deleted": True}
    assert client.v1.customers.list().data == []
    assert refused(lambda: client.v1.customers.update(owner, {"name": "x"}))["code"] == "resource_missing"


def test_coupons_and_promotion_codes(standin: StandIn) -> None:
    client = standin.client()
    coupon = client.v1.coupons.create({"percent_off": 25, "duration": "forever"})
    code = client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "FALL"})
    assert [one.id for one in client.v1.promotion_codes.list({"code": "fall"}).data] == [code.id]
    opened: Any = client.v1.promotion_codes.retrieve(code.id, {"expand": ["promotion.coupon"]}).to_dict()
    assert opened["promotion"]["coupon"]["percent_off"] == 25
    assert client.v1.promotion_codes.update(code.id, {"active": False}).active is False
    assert client.v1.coupons.delete(coupon.id).deleted


def test_a_test_clock_moves_the_one_clock_and_says_when_it_is_ready(standin: StandIn, clock: FixedClock) -> None:
    client = standin.client()
    start = int(clock.now().timestamp())
    made = client.v1.test_helpers.test_clocks.create({"frozen_time": start})
    moving = client.v1.test_helpers.test_clocks.advance(made.id, {"frozen_time": start + 86_400})
    assert (moving.status, int(clock.now().timestamp())) == ("advancing", start + 86_400)
    standin.run_due()
    assert client.v1.test_helpers.test_clocks.retrieve(made.id).status == "ready"
    assert kinds(standin)[-1] == "test_helpers.test_clock.ready"
    back = refused(lambda: client.v1.test_helpers.test_clocks.advance(made.id, {"frozen_time": start}))
    assert back["param"] == "frozen_time"


@pytest.mark.parametrize("field", ["_method", "_secret", "_token"])
def test_what_is_ours_never_leaves(standin: StandIn, field: str) -> None:
    client = standin.client()
    made = client.v1.webhook_endpoints.create({"url": "http://localhost/x", "enabled_events": ["*"]})
    assert str(made.secret).startswith("whsec_")
    owner, _ = customer(client)
    assert "/p/session/" in client.v1.billing_portal.sessions.create({"customer": owner}).url
    assert not any(f'"{field}"' in seen.reply.body for seen in standin.calls)
    assert client.v1.webhook_endpoints.retrieve(made.id).to_dict().get("secret") is None
