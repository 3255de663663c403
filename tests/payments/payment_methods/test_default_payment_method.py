"""Invoices are charged to the card that was chosen last, however often somebody changes their mind."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.kit.actor import SYSTEM
from app.payments.checkout import open_checkout
from app.payments.checkout.fulfil import fulfil_checkout
from app.payments.models import StripeCustomer
from app.payments.webhooks.apply import apply_event
from tests.payments.till import Till


def charged(till: Till) -> str:
    """The card that Stripe charges the subscription to."""
    [theirs] = till.standin.objects("subscription")
    [customer] = till.standin.objects("customer")
    return str(theirs["default_payment_method"] or customer["invoice_settings"]["default_payment_method"])


def choose(till: Till, card_id: str) -> None:
    """Make a card the customer's, as Stripe's portal does, and hear of it."""
    [customer] = till.standin.objects("customer")
    chosen: Any = {"invoice_settings": {"default_payment_method": card_id}}
    till.standin.client().v1.customers.update(customer["id"], chosen)
    till.webhooks()


def attach(till: Till) -> str:
    """Another card of the customer's."""
    [customer] = till.standin.objects("customer")
    return till.standin.client().v1.payment_methods.attach("pm_card_mastercard", {"customer": customer["id"]}).id


def test_a_card_chosen_twice_in_a_day_is_charged_both_times(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    till.webhooks()
    first, second = charged(till), attach(till)
    for chosen in (second, first, second):
        choose(till, chosen)
        assert charged(till) == chosen
    till.session.rollback()
    assert till.session.scalars(select(StripeCustomer.card_id).where(StripeCustomer.org_id == org)).one() == second


def test_an_old_checkout_for_a_card_heard_of_again_does_not_bring_its_card_back(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    till.webhooks()
    saved = open_checkout.open_card_setup(org, currency="USD", actor=SYSTEM, now=till.clock.now())
    till.pay(saved)
    session_id = till.session_id(saved)
    assert till.fulfil(org, session_id) == "saved"
    till.webhooks()
    newer = attach(till)
    choose(till, newer)
    fulfil_checkout(org, session_id, till.clock.now())  # a replay, or a delivery that is days late
    till.webhooks()
    assert charged(till) == newer


def test_a_failure_that_stripe_keeps_does_not_keep_a_saved_card_from_being_charged(till: Till) -> None:
    org = till.org()
    till.standin.hold()
    till.pay(open_checkout.open_card_setup(org, currency="USD", actor=SYSTEM, now=till.clock.now()))
    [saved] = till.standin.events("setup_intent.succeeded")
    assert till.shop.send(saved) == 200
    till.standin.fail("500", path="/v1/customers", method="POST")
    apply_event(saved["id"])
    assert "StripeAway" in (till.shop.row(saved["id"]).error or "")
    apply_event(saved["id"])
    assert till.shop.row(saved["id"]).state == "applied"
    [customer] = till.standin.objects("customer")
    assert customer["invoice_settings"]["default_payment_method"] == saved["data"]["object"]["payment_method"]
