"""What a checkout paid for is given once, whoever hears of it first; what was not paid for is not given."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from app.kit.actor import SYSTEM
from app.kit.errors import NotFound
from app.payments.checkout import open_checkout
from app.payments.checkout.fulfil import fulfil_checkout
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice
from app.payments.payment_methods import arrears
from app.subscriptions import queries as subscriptions
from app.web.database import db
from tests.scenario import Scenario
from tests.scenario.buying import DECLINES

DECLINED = "4000000000000002"
ASKS_ALWAYS = "4000002760003184"
MASTERCARD = "5555555555554444"


def test_the_return_page_alone_gives_the_plan(scenario: Scenario) -> None:
    """The webhook is lost."""
    org, plan = scenario.org(), scenario.plan()
    org.buys(plan)
    org.has_paid_once_for(plan)
    scenario.session.rollback()
    record = scenario.session.scalars(select(BillingRecord).where(BillingRecord.org_id == org.id)).one()
    assert (record.state, record.amount, record.currency, record.card_last4) == ("completed", 1000, "USD", "4242")
    assert record.transaction_id is not None
    assert record.transaction_id.startswith("pi_")
    held = subscriptions.find_subscription(scenario.session, org.id)
    assert held is not None
    assert (held.state, held.collection, held.interval) == ("active", "stripe", "month")


def test_the_webhook_alone_gives_the_plan(scenario: Scenario) -> None:
    """The tab was closed."""
    org, plan = scenario.org(), scenario.plan()
    org.pays(org.opens(plan))
    scenario.settle()
    org.has_paid_once_for(plan)


@pytest.mark.slow
def test_all_together_in_any_order_and_twice_give_it_once(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    session_id = org.buys(plan).session_id()
    scenario.stripe.webhooks(duplicate=5, reorder=True)
    scenario.settle()
    assert org.returns(session_id) == "paid"
    org.has_paid_once_for(plan)


def test_the_return_page_and_the_webhook_at_the_same_moment_give_it_once(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    org.pays(opened)
    session_id, now = org.session_id(opened), scenario.clock.now()
    states, start = [], threading.Barrier(3)

    def come_back() -> None:
        with scenario.app.app_context():
            start.wait()
            states.append(fulfil_checkout(org.id, session_id, now))
            db.session.remove()

    threads = [threading.Thread(target=come_back) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(states) - {"waiting"} == {"paid"}  # one waits for the org's lock; a third is told to look again
    org.has_paid_once_for(plan)


def test_an_open_page_gives_nothing(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    scenario.stripe.leave(opened.url)
    assert org.returns(opened) == "open"
    scenario.settle()
    org.was_given_nothing()
    assert org.books["records"] == ["pending"]


@pytest.mark.slow
def test_a_declined_card_gives_nothing_and_the_next_card_pays_once(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    org.pays(opened, DECLINED)
    assert org.returns(opened) == "open"
    scenario.settle()
    org.was_given_nothing()
    org.pays(org.opens(plan))
    assert org.returns(opened) == "paid"
    scenario.settle()
    org.has_paid_once_for(plan)


@pytest.mark.slow
def test_a_bank_that_asks_and_is_refused_gives_nothing_then_confirmed_it_does(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    org.pays(opened, ASKS_ALWAYS, secure="fail")
    assert org.returns(opened) == "open"
    scenario.settle()
    org.was_given_nothing()
    org.pays(opened, ASKS_ALWAYS)
    assert org.returns(opened) == "paid"
    scenario.settle()
    org.has_paid_once_for(plan)


def test_an_expired_page_gives_nothing(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    scenario.later(hours=25)
    scenario.stripe.run_due()
    assert org.returns(opened) == "expired"
    scenario.settle()
    org.was_given_nothing()
    assert org.books["records"] == ["failed"]
    assert org.books["checkouts"] == ["expired"]


def test_anothers_session_is_not_found_and_stripe_is_not_asked(scenario: Scenario) -> None:
    mine, theirs, plan = scenario.org(), scenario.org(), scenario.plan()
    opened = theirs.opens(plan)
    theirs.pays(opened)
    asked = len(scenario.stripe.calls)
    with pytest.raises(NotFound):
        mine.returns(opened)
    assert len(scenario.stripe.calls) == asked
    assert mine.books["subscriptions"] == 0


@pytest.mark.parametrize("session_id", ["cs_test_nobodys", "../customers", "", "cs test", "x" * 300])
def test_an_address_that_somebody_made_up_is_not_found(scenario: Scenario, session_id: str) -> None:
    org = scenario.org()
    with scenario.stripe.unchecked(), pytest.raises(NotFound):
        org.returns(session_id)


@pytest.mark.slow
def test_a_session_whose_id_was_never_written_down_is_the_orgs_by_its_mark(scenario: Scenario) -> None:
    org, plan, other = scenario.org(), scenario.plan(), scenario.org()
    scenario.stripe.fail("reset", path="/v1/checkout/sessions", method="POST")
    with pytest.raises(Exception, match="try again"):
        org.opens(plan)
    [session] = scenario.sessions()
    scenario.stripe.pay(session["url"])
    with pytest.raises(NotFound):
        other.returns(session["id"])
    assert org.returns(session["id"]) == "paid"
    scenario.settle()
    org.has_paid_once_for(plan)


def test_stripe_away_is_a_state_and_the_next_look_finds_the_payment(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    opened = org.opens(plan)
    org.pays(opened)
    for path in ("/v1/checkout/sessions", "/v1/customers", "/v1/subscriptions", "/v1/invoices", "/v1/payment_intents"):
        scenario.stripe.fail("reset_before", path=path)
        assert org.returns(opened) == "away"
        assert org.books["subscriptions"] == 0
    assert org.returns(opened) == "paid"
    org.has_paid_once_for(plan)


@pytest.mark.slow
def test_a_card_that_is_only_saved_becomes_the_one_that_is_charged(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    opened = open_checkout.open_card_setup(org.id, currency="USD", actor=SYSTEM, now=scenario.clock.now())
    assert open_checkout.open_card_setup(org.id, currency="USD", actor=SYSTEM, now=scenario.clock.now()) == opened
    org.pays(opened, MASTERCARD)
    assert org.returns(opened) == "saved"
    scenario.settle()
    scenario.session.rollback()
    customer = scenario.session.scalars(select(StripeCustomer).where(StripeCustomer.org_id == org.id)).one()
    assert (customer.card_brand, customer.card_last4) == ("mastercard", "4444")
    [subscription] = scenario.stripe.objects("subscription")
    assert subscription["default_payment_method"] == customer.card_id
    org.has_paid_once_for(plan)
    scenario.renew()
    scenario.session.rollback()
    newest = select(BillingRecord).where(BillingRecord.org_id == org.id).order_by(BillingRecord.created_at.desc())
    renewal = scenario.session.scalars(newest).first()
    assert renewal is not None
    assert (renewal.reason, renewal.state, renewal.card_last4) == ("subscription_renewal", "completed", "4444")


@pytest.mark.slow
def test_what_a_failed_renewal_left_open_is_paid_with_a_new_card_once(scenario: Scenario) -> None:
    org, plan = scenario.org(), scenario.plan()
    org.paying(plan)
    org.with_card(DECLINES)
    scenario.settle()
    bad = org.customer.card_id
    [subscription] = scenario.stripe.objects("subscription")
    assert subscription["default_payment_method"] == bad
    scenario.renew()
    held = subscriptions.find_subscription(scenario.session, org.id)
    assert held is not None
    assert held.state == "past_due"
    declined = arrears.pay_now(org.id, actor=SYSTEM, now=scenario.clock.now())
    assert declined.state == "declined"
    assert declined.url
    opened = open_checkout.open_card_setup(org.id, currency="USD", actor=SYSTEM, now=scenario.clock.now())
    org.pays(opened)
    org.returns(opened)
    assert arrears.pay_now(org.id, actor=SYSTEM, now=scenario.clock.now()).state == "paid"
    scenario.settle()
    held = subscriptions.find_subscription(scenario.session, org.id)
    assert held is not None
    assert held.state == "active"
    assert org.books["records"] == ["completed", "completed"]
    scenario.session.rollback()
    assert set(scenario.session.scalars(select(StripeInvoice.status).where(StripeInvoice.org_id == org.id))) == {"paid"}
