"""The gateway in front of the stand-in: what we send is taken, what comes back is read, for every call that we make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from app.kit.ids import new_id
from app.stripe_gateway import (
    Gateway,
    catalog,
    checkout,
    customers,
    events,
    invoices,
    payments,
    plan_changes,
    subscriptions,
)
from app.stripe_gateway.client.circuit import Circuit
from app.stripe_gateway.errors import StripeAway, StripeKeyReused, StripeMissing, StripeRefused
from app.stripe_gateway.plan_changes import ItemSwap
from app.stripe_gateway.types import CheckoutSession, Customer, RemotePrice, RemoteSubscription
from tests.standin import StandIn
from tests.support.settings import make_settings
from tests.today import FixedClock, months_later

TYPES = ["customer.created", "invoice.paid", "checkout.session.completed"]


@pytest.fixture
def gw(standin: StandIn) -> Gateway:
    return Gateway(standin.key, standin.url, patient=False, circuit=Circuit())


@pytest.fixture
def price(gw: Gateway) -> RemotePrice:
    product = catalog.ensure_product(
        gw, product_id="tollkeeper_pro", name="Pro", metadata={"plan": "pro"}, key="product"
    )
    return catalog.create_price(
        gw,
        product_id=product,
        amount=4900,
        currency="USD",
        interval="month",
        lookup_key="tollkeeper_pro_v1_month_usd",
        metadata={},
        key="price",
    )


@pytest.fixture
def payer(gw: Gateway) -> Customer:
    return customers.create(gw, org_id=new_id(), email="pay@example.com", name="Payer", key=f"customer-{new_id()}")


Open = Callable[..., CheckoutSession]


@pytest.fixture
def opened(gw: Gateway, payer: Customer, price: RemotePrice) -> Open:
    def make(mode: str = "subscription", checkout_id: UUID | None = None) -> CheckoutSession:
        named = checkout_id or new_id()
        assert payer.org_id
        return checkout.open_session(
            gw,
            mode=mode,
            customer_id=payer.id,
            checkout_id=named,
            org_id=payer.org_id,
            price_id=price.id if mode == "subscription" else None,
            currency="USD" if mode == "setup" else None,
            success_url=f"http://localhost/billing/return?checkout={named}&session_id={{CHECKOUT_SESSION_ID}}",
            cancel_url="http://localhost/billing/upgrade/pro?left=1",
            key=f"checkout-{named}",
        )

    return make


def test_a_price_is_found_by_its_lookup_key(gw: Gateway, price: RemotePrice, standin: StandIn) -> None:
    assert price.lookup_key
    others = [f"tollkeeper_none_{n}" for n in range(25)]
    assert catalog.find_prices(gw, [*others, price.lookup_key]) == [price]
    assert (price.product_id, price.amount, price.currency, price.interval, price.active) == (
        "tollkeeper_pro",
        4900,
        "USD",
        "month",
        True,
    )
    standin.client().v1.prices.update(price.id, {"active": False})
    assert catalog.find_prices(gw, [price.lookup_key]) == [replace(price, active=False)]


def test_a_product_takes_our_name_back_and_forth(gw: Gateway, standin: StandIn, clock: FixedClock) -> None:
    for name in ("Pro", "Pro", "Plus", "Pro", "Plus"):
        clock.advance(timedelta(seconds=1))
        catalog.ensure_product(gw, product_id="tollkeeper_x", name=name, metadata={"plan": "x"}, key="product-x")
        assert standin.objects("product", id="tollkeeper_x")[0]["name"] == name


def test_a_customer_is_made_once_for_a_key(gw: Gateway) -> None:
    org_id = new_id()
    first, again = (customers.create(gw, org_id=org_id, email="a@x.org", name="A", key="one") for _ in range(2))
    assert first == again
    assert (first.org_id, first.card, first.deleted, first.delinquent) == (org_id, None, False, False)
    assert customers.retrieve(gw, first.id) == first
    with pytest.raises(StripeKeyReused):
        customers.create(gw, org_id=org_id, email="other@x.org", name="A", key="one")


def test_a_deleted_customer_comes_as_such(gw: Gateway, payer: Customer, standin: StandIn) -> None:
    standin.client().v1.customers.delete(payer.id)
    assert customers.retrieve(gw, payer.id).deleted


def test_what_stripe_does_not_have_is_missing(gw: Gateway) -> None:
    for ask in (customers.retrieve, checkout.retrieve_session, subscriptions.retrieve, invoices.retrieve,
                payments.retrieve_intent, payments.retrieve_setup_intent):  # fmt: skip
        with pytest.raises(StripeMissing):
            ask(gw, "none_1")


def test_a_first_paid_plan_from_the_page_to_the_invoice(
    gw: Gateway, opened: Open, payer: Customer, price: RemotePrice, standin: StandIn, clock: FixedClock
) -> None:
    checkout_id = new_id()
    session = opened(checkout_id=checkout_id)
    assert (session.mode, session.status, session.payment_status) == ("subscription", "open", "unpaid")
    assert session.url
    assert (session.checkout_id, session.customer_id) == (checkout_id, payer.id)
    assert opened(checkout_id=checkout_id) == session, "the same key opens no second one"

    led = standin.pay(session.url).location
    assert led
    assert parse_qs(urlsplit(led).query)["session_id"] == [session.id], "the braces reached Stripe as they are"

    done = checkout.retrieve_session(gw, session.id)
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert done.subscription_id
    assert done.invoice_id
    subscription = subscriptions.retrieve(gw, done.subscription_id)
    assert (subscription.status, subscription.price_id, subscription.customer_id) == ("active", price.id, payer.id)
    assert (subscription.org_id, subscription.checkout_id) == (payer.org_id, checkout_id)
    assert subscription.period_start == subscription.anchor_at == clock.now()
    assert subscription.card
    assert subscription.card.last4 == "4242"
    invoice = invoices.retrieve(gw, done.invoice_id)
    assert (invoice.status, invoice.total, invoice.currency, invoice.tax) == ("paid", 4900, "USD", 0)
    assert (invoice.subscription_id, invoice.checkout_id) == (subscription.id, checkout_id)
    assert (invoice.period_start, invoice.period_end) == (subscription.period_start, subscription.period_end)
    assert invoice.payment_intent_id
    intent = payments.retrieve_intent(gw, invoice.payment_intent_id)
    assert (intent.status, intent.amount, intent.failure) == ("succeeded", 4900, None)
    assert intent.card
    assert intent.card.brand == "visa"
    assert payments.find_invoice_id(gw, intent.id) == invoice.id
    assert subscriptions.list_for_customer(gw, payer.id) == [subscription]
    assert list(subscriptions.list_all(gw)) == [subscription]
    assert list(invoices.list_all(gw, clock.now() - timedelta(days=1))) == [invoice]
    assert list(invoices.list_all(gw, clock.now() + timedelta(days=1))) == []
    assert [each.id for each in checkout.list_sessions(gw, payer.id)] == [session.id]
    coming = invoices.preview_next(gw, subscription.id)
    assert (coming.total, coming.currency, coming.due_at) == (4900, "USD", subscription.period_end)
    assert invoices.pay(gw, invoice.id, key="pay") == invoice, "paid already"


def test_a_cancellation_is_planned_and_taken_back(gw: Gateway, opened: Open, standin: StandIn) -> None:
    session = opened()
    standin.pay(str(session.url))
    subscription_id = str(checkout.retrieve_session(gw, session.id).subscription_id)
    planned = subscriptions.cancel_at_period_end(gw, subscription_id, key="cancel")
    assert planned.cancel_at_period_end
    assert planned.cancel_at == planned.period_end
    with pytest.raises(StripeMissing):
        invoices.preview_next(gw, subscription_id)
    undone = subscriptions.clear_cancellation(gw, planned, key="undo")
    assert (undone.cancel_at_period_end, undone.cancel_at) == (False, None)
    standin.client().v1.subscriptions.update(subscription_id, {"cancel_at": "min_period_end"})
    by_portal = subscriptions.retrieve(gw, subscription_id)
    assert (by_portal.cancel_at_period_end, by_portal.cancel_at) == (False, planned.period_end)
    assert subscriptions.clear_cancellation(gw, by_portal, key="undo portal").cancel_at is None


def test_a_renewal_that_fails_and_is_paid_with_another_card(
    gw: Gateway, opened: Open, payer: Customer, standin: StandIn, clock: FixedClock
) -> None:
    session, saving = opened(), opened(mode="setup")
    standin.pay(str(session.url))
    standin.pay(str(saving.url), card="4000000000000341")
    subscription_id = str(checkout.retrieve_session(gw, session.id).subscription_id)
    saved = payments.retrieve_setup_intent(gw, str(checkout.retrieve_session(gw, saving.id).setup_intent_id))
    good = subscriptions.retrieve(gw, subscription_id).card
    assert good
    assert saved.card
    changed = subscriptions.set_default_card(gw, subscription_id, saved.card.id, key="card-1")
    assert changed.card
    assert changed.card.id == saved.card.id != good.id

    clock.at = months_later(1) + timedelta(hours=2)
    standin.run_due()
    late = subscriptions.retrieve(gw, subscription_id)
    assert late.status == "past_due"
    owed = invoices.retrieve(gw, str(late.latest_invoice_id))
    assert (owed.status, owed.billing_reason, owed.attempt_count) == ("open", "subscription_cycle", 1)
    assert (owed.amount_remaining, owed.period_start) == (4900, late.period_start)
    assert owed.next_attempt_at
    intent = payments.retrieve_intent(gw, str(owed.payment_intent_id))
    assert intent.failure_code
    assert intent.failure
    assert intent.card == changed.card
    with pytest.raises(StripeRefused) as refused:
        invoices.pay(gw, owed.id, key="pay-1")
    assert refused.value.stripe_code == "card_declined"

    subscriptions.set_default_card(gw, subscription_id, good.id, key="card-2")
    paid = invoices.pay(gw, owed.id, key="pay-2")
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 4900, 0)
    assert subscriptions.retrieve(gw, subscription_id).status == "active"


def test_a_card_is_saved_and_made_the_one_that_invoices_are_charged_to(
    gw: Gateway, opened: Open, payer: Customer, standin: StandIn
) -> None:
    session = opened(mode="setup")
    assert session.mode == "setup"
    standin.pay(str(session.url))
    saved = payments.retrieve_setup_intent(gw, str(checkout.retrieve_session(gw, session.id).setup_intent_id))
    assert (saved.status, saved.customer_id) == ("succeeded", payer.id)
    assert saved.card
    chosen = customers.set_default_card(gw, payer.id, saved.card.id, key="default").card
    assert chosen
    assert (chosen.id, chosen.last4) == (saved.card.id, "4242")
    assert customers.retrieve(gw, payer.id).card == chosen


def test_a_session_that_is_closed_cannot_be_paid_and_one_that_is_over_comes_as_it_is(
    gw: Gateway, opened: Open, standin: StandIn
) -> None:
    left, paid = opened(), opened()
    assert checkout.expire_session(gw, left.id, key="expire-1").status == "expired"
    standin.pay(str(paid.url))
    assert checkout.expire_session(gw, paid.id, key="expire-2").status == "complete"


def test_the_portal_leads_back(gw: Gateway, payer: Customer) -> None:
    assert checkout.open_portal(gw, payer.id, "http://localhost/billing", key="portal").startswith("http")


def test_refunds_are_read(gw: Gateway, opened: Open, standin: StandIn) -> None:
    session = opened()
    standin.pay(str(session.url))
    invoice = invoices.retrieve(gw, str(checkout.retrieve_session(gw, session.id).invoice_id))
    made = standin.client().v1.refunds.create({"payment_intent": str(invoice.payment_intent_id), "amount": 900})
    [refund] = payments.list_refunds(gw, str(invoice.payment_intent_id))
    assert (refund.id, refund.amount, refund.currency) == (made.id, 900, "USD")
    assert refund.payment_intent_id == invoice.payment_intent_id


@pytest.mark.slow
def test_events_come_oldest_first_since_a_time(gw: Gateway, standin: StandIn, clock: FixedClock) -> None:
    began = clock.now()
    made = customers.create(gw, org_id=new_id(), email="a@x.org", name="N", key="n")
    with standin.world.change():
        for _ in range(100):  # with the first one a page and one more
            standin.world.emit("customer.created", standin.world.get("customer", made.id))
    ours = [event["id"] for event in standin.events("customer.created")]

    def since(types: list[str] = TYPES, created_from: datetime = began) -> list[str]:
        return [event["id"] for event in events.list_since(gw, types, created_from)]

    assert since() == ours, "over both pages"
    assert since(created_from=datetime(2027, 11, 21, tzinfo=UTC)) == []
    assert since(["invoice.paid"]) == []
    many = [*TYPES, *(f"invoice.no{n}" for n in range(25))]
    assert since(many) == ours, "more types than Stripe takes"
    assert since(["invoice.paid", *many[3:]]) == []


def test_a_session_needs_what_its_mode_needs(gw: Gateway, payer: Customer) -> None:
    for mode in ("subscription", "setup", "payment"):
        with pytest.raises(ValueError, match="needs"):
            checkout.open_session(
                gw, mode=mode, customer_id=payer.id, checkout_id=new_id(), org_id=new_id(), price_id=None,
                currency=None, success_url="http://localhost", cancel_url="http://localhost", key="k",
            )  # fmt: skip


def test_the_gateway_of_an_installation_is_made_from_its_settings(standin: StandIn) -> None:
    off = make_settings("postgresql://nowhere")
    assert Gateway.from_settings(off) is None
    on = Gateway.from_settings(replace(off, **standin.stripe_settings()).for_worker())
    assert on
    assert on.patient
    with pytest.raises(StripeMissing):
        customers.retrieve(on, "cus_none")
    assert standin.calls[-1].call.version == "2026-10-28.endive"


def test_work_done_without_an_answer_is_found_again_under_its_key(gw: Gateway, standin: StandIn) -> None:
    org_id = new_id()
    standin.fail("reset")
    with pytest.raises(StripeAway) as away:
        customers.create(gw, org_id=org_id, email="a@x.org", name="A", key="once")
    assert away.value.sent
    made = customers.create(gw, org_id=org_id, email="a@x.org", name="A", key="once")
    assert [each["id"] for each in standin.objects("customer")] == [made.id]


def test_a_change_is_previewed_and_costs_that(
    gw: Gateway, opened: Open, payer: Customer, price: RemotePrice, standin: StandIn, clock: FixedClock
) -> None:
    running, dearer = subscribed(gw, opened, payer, standin), another_price(gw, price, 9900)
    clock.advance(timedelta(days=15))
    swap = ItemSwap(running.id, running.item_id, dearer.id, clock.now())
    shown = plan_changes.preview_change(gw, swap)
    assert [line.amount for line in shown.lines] == [-2450, 4950]
    assert (shown.total, shown.amount_due, shown.tax, shown.discount, shown.currency) == (2500, 2500, 0, 0, "USD")
    assert {line.period_end for line in shown.lines} == {running.period_end}
    assert plan_changes.preview_after(gw, swap).total == 9900
    changed = plan_changes.change_price(gw, swap, key="change-1")
    assert (changed.price_id, changed.pending_price_id) == (dearer.id, None)
    assert changed.latest_invoice_id
    paid = invoices.retrieve(gw, changed.latest_invoice_id)
    assert (paid.status, paid.total, paid.billing_reason) == ("paid", 2500, "subscription_update")
    assert plan_changes.change_price(gw, swap, key="change-1") == changed, "the same key charges once"


def test_a_change_that_is_declined_waits_until_it_lapses(
    gw: Gateway, opened: Open, payer: Customer, price: RemotePrice, standin: StandIn, clock: FixedClock
) -> None:
    running, dearer = subscribed(gw, opened, payer, standin), another_price(gw, price, 9900)
    v1 = standin.client().v1
    declining = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": payer.id}).id
    subscriptions.set_default_card(gw, running.id, declining, key="card")
    clock.advance(timedelta(days=15))
    changed = plan_changes.change_price(gw, ItemSwap(running.id, running.item_id, dearer.id, clock.now()), key="c-1")
    assert (changed.status, changed.price_id, changed.pending_price_id) == ("active", price.id, dearer.id)
    assert changed.pending_expires_at == clock.now() + timedelta(hours=23)
    assert changed.latest_invoice_id
    assert invoices.retrieve(gw, changed.latest_invoice_id).status == "open"


def subscribed(gw: Gateway, opened: Open, payer: Customer, standin: StandIn) -> RemoteSubscription:
    session = opened(checkout_id=new_id())
    assert session.url
    standin.pay(session.url)
    [running] = subscriptions.list_for_customer(gw, payer.id)
    return running


def another_price(gw: Gateway, price: RemotePrice, amount: int) -> RemotePrice:
    return catalog.create_price(
        gw, product_id=price.product_id, amount=amount, currency="USD", interval="month",
        lookup_key=f"tollkeeper_pro_{amount}", metadata={}, key=f"price-{amount}",
    )  # fmt: skip
