"""Invoices are charged to the card that was chosen last, however often somebody changes their mind."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.kit.actor import SYSTEM
from app.payments.checkout import open_checkout
from app.payments.checkout.fulfil import fulfil_checkout
from app.payments.models import StripeCustomer
from app.payments.webhooks.apply import apply_event
from tests.scenario import Scenario


def charged(scenario: Scenario) -> str:
    """The card that Stripe charges the subscription to."""
    [theirs] = scenario.stripe.objects("subscription")
    [customer] = scenario.stripe.objects("customer")
    return str(theirs["default_payment_method"] or customer["invoice_settings"]["default_payment_method"])


def choose(scenario: Scenario, card_id: str) -> None:
    """Make a card the customer's, as Stripe's portal does, and hear of it."""
    [customer] = scenario.stripe.objects("customer")
    chosen: Any = {"invoice_settings": {"default_payment_method": card_id}}
    scenario.stripe.client().v1.customers.update(customer["id"], chosen)
    scenario.settle()


def attach(scenario: Scenario) -> str:
    """Another card of the customer's."""
    [customer] = scenario.stripe.objects("customer")
    return scenario.stripe.client().v1.payment_methods.attach("pm_card_mastercard", {"customer": customer["id"]}).id


@pytest.mark.slow
def test_a_card_chosen_twice_in_a_day_is_charged_both_times(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    first, second = charged(scenario), attach(scenario)
    for chosen in (second, first, second):
        choose(scenario, chosen)
        assert charged(scenario) == chosen
    scenario.session.rollback()
    assert (
        scenario.session.scalars(select(StripeCustomer.card_id).where(StripeCustomer.org_id == org.id)).one() == second
    )


@pytest.mark.slow
def test_an_old_checkout_for_a_card_heard_of_again_does_not_bring_its_card_back(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    saved = open_checkout.open_card_setup(org.id, currency="USD", actor=SYSTEM, now=scenario.clock.now())
    org.pays(saved)
    session_id = org.session_id(saved)
    assert org.returns(session_id) == "saved"
    scenario.settle()
    newer = attach(scenario)
    choose(scenario, newer)
    fulfil_checkout(org.id, session_id, scenario.clock.now())  # a replay, or a delivery that is days late
    scenario.settle()
    assert charged(scenario) == newer


def test_a_failure_that_stripe_keeps_does_not_keep_a_saved_card_from_being_charged(scenario: Scenario) -> None:
    org = scenario.org()
    scenario.stripe.hold()
    org.pays(open_checkout.open_card_setup(org.id, currency="USD", actor=SYSTEM, now=scenario.clock.now()))
    [saved] = scenario.stripe.events("setup_intent.succeeded")
    assert scenario.send(saved) == 200
    scenario.stripe.fail("500", path="/v1/customers", method="POST")
    apply_event(saved["id"])
    assert "StripeAway" in (scenario.inbox(saved["id"]).error or "")
    apply_event(saved["id"])
    assert scenario.inbox(saved["id"]).state == "applied"
    [customer] = scenario.stripe.objects("customer")
    assert customer["invoice_settings"]["default_payment_method"] == saved["data"]["object"]["payment_method"]
