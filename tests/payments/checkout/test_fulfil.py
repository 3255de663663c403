"""What a checkout paid for is given once, whoever hears of it first; what was not paid for is not given."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kit.actor import SYSTEM
from app.kit.errors import NotFound
from app.payments.checkout import open_checkout
from app.payments.checkout.fulfil import fulfil_checkout
from app.payments.gateway import EXTENSION
from app.payments.models import BillingRecord, StripeCustomer, StripeInvoice
from app.payments.payment_methods import card
from app.subscriptions import queries as subscriptions
from app.web.database import db
from tests.payments.till import Till
from tests.standin import hurried

DECLINED = "4000000000000002"
ASKS_ALWAYS = "4000002760003184"
MASTERCARD = "5555555555554444"


def test_the_return_page_alone_gives_the_plan(till: Till) -> None:
    """The webhook is lost."""
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    till.paid_once(org, plan)
    till.session.rollback()
    record = till.session.scalars(select(BillingRecord).where(BillingRecord.org_id == org)).one()
    assert (record.state, record.amount, record.currency, record.card_last4) == ("completed", 1000, "USD", "4242")
    assert record.transaction_id is not None
    assert record.transaction_id.startswith("pi_")
    held = subscriptions.find_subscription(till.session, org)
    assert held is not None
    assert (held.state, held.collection, held.interval) == ("active", "stripe", "month")


def test_the_webhook_alone_gives_the_plan(till: Till) -> None:
    """The tab was closed."""
    org, plan = till.org(), till.plan()
    till.pay(till.open(org, plan))
    till.webhooks()
    till.paid_once(org, plan)


def test_all_together_in_any_order_and_twice_give_it_once(till: Till) -> None:
    org, plan = till.org(), till.plan()
    session_id = till.bought(org, plan)
    till.standin.webhooks(duplicate=5, reorder=True)
    till.webhooks()
    assert till.fulfil(org, session_id) == "paid"
    till.paid_once(org, plan)


def test_the_return_page_and_the_webhook_at_the_same_moment_give_it_once(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.pay(opened)
    session_id, now = till.session_id(opened), till.clock.now()
    states, start = [], threading.Barrier(3)

    def come_back() -> None:
        with till.app.app_context():
            start.wait()
            states.append(fulfil_checkout(org, session_id, now))
            db.session.remove()

    threads = [threading.Thread(target=come_back) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(states) - {"away"} == {"paid"}  # two at once may ask Stripe; a third is told to look again
    till.paid_once(org, plan)


def test_an_open_page_gives_nothing(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.standin.leave(opened.url)
    assert till.fulfil(org, till.session_id(opened)) == "open"
    till.webhooks()
    till.nothing_given(org)
    assert till.books(org)["records"] == ["pending"]


def test_a_declined_card_gives_nothing_and_the_next_card_pays_once(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.pay(opened, DECLINED)
    assert till.fulfil(org, till.session_id(opened)) == "open"
    till.webhooks()
    till.nothing_given(org)
    till.pay(till.open(org, plan))
    assert till.fulfil(org, till.session_id(opened)) == "paid"
    till.webhooks()
    till.paid_once(org, plan)


def test_a_bank_that_asks_and_is_refused_gives_nothing_then_confirmed_it_does(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.pay(opened, ASKS_ALWAYS, secure="fail")
    assert till.fulfil(org, till.session_id(opened)) == "open"
    till.webhooks()
    till.nothing_given(org)
    till.pay(opened, ASKS_ALWAYS)
    assert till.fulfil(org, till.session_id(opened)) == "paid"
    till.webhooks()
    till.paid_once(org, plan)


def test_an_expired_page_gives_nothing(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.clock.advance(timedelta(hours=25))
    till.standin.run_due()
    assert till.fulfil(org, till.session_id(opened)) == "expired"
    till.webhooks()
    till.nothing_given(org)
    assert till.books(org)["records"] == ["failed"]
    assert till.books(org)["checkouts"] == ["expired"]


def test_anothers_session_is_not_found_and_stripe_is_not_asked(till: Till) -> None:
    mine, theirs, plan = till.org(), till.org(), till.plan()
    opened = till.open(theirs, plan)
    till.pay(opened)
    asked = len(till.standin.calls)
    with pytest.raises(NotFound):
        till.fulfil(mine, till.session_id(opened))
    assert len(till.standin.calls) == asked
    assert till.books(mine)["subscriptions"] == 0


@pytest.mark.parametrize("session_id", ["cs_test_nobodys", "../customers", "", "cs test", "x" * 300])
def test_an_address_that_somebody_made_up_is_not_found(till: Till, session_id: str) -> None:
    org = till.org()
    with till.standin.unchecked(), pytest.raises(NotFound):
        till.fulfil(org, session_id)


def test_a_session_whose_id_was_never_written_down_is_the_orgs_by_its_mark(till: Till) -> None:
    org, plan, other = till.org(), till.plan(), till.org()
    till.standin.fail("timeout", path="/v1/checkout/sessions", method="POST", seconds=3)
    usual = till.app.extensions[EXTENSION]
    till.app.extensions[EXTENSION] = hurried(till.app)
    with pytest.raises(Exception, match="try again"):
        till.open(org, plan)
    till.app.extensions[EXTENSION] = usual
    [session] = till.sessions()
    till.standin.pay(session["url"])
    with pytest.raises(NotFound):
        till.fulfil(other, session["id"])
    assert till.fulfil(org, session["id"]) == "paid"
    till.webhooks()
    till.paid_once(org, plan)


def test_stripe_away_is_a_state_and_the_next_look_finds_the_payment(till: Till) -> None:
    org, plan = till.org(), till.plan()
    opened = till.open(org, plan)
    till.pay(opened)
    for path in ("/v1/checkout/sessions", "/v1/customers", "/v1/subscriptions", "/v1/invoices", "/v1/payment_intents"):
        till.standin.fail("reset_before", path=path)
        assert till.fulfil(org, till.session_id(opened)) == "away"
        assert till.books(org)["subscriptions"] == 0
    assert till.fulfil(org, till.session_id(opened)) == "paid"
    till.paid_once(org, plan)


def test_a_card_that_is_only_saved_becomes_the_one_that_is_charged(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    opened = open_checkout.open_card_setup(org, currency="USD", actor=SYSTEM, now=till.clock.now())
    assert open_checkout.open_card_setup(org, currency="USD", actor=SYSTEM, now=till.clock.now()) == opened
    till.pay(opened, MASTERCARD)
    assert till.fulfil(org, till.session_id(opened)) == "saved"
    till.webhooks()
    till.session.rollback()
    customer = till.session.scalars(select(StripeCustomer).where(StripeCustomer.org_id == org)).one()
    assert (customer.card_brand, customer.card_last4) == ("mastercard", "4444")
    [subscription] = till.standin.objects("subscription")
    assert subscription["default_payment_method"] == customer.card_id
    till.paid_once(org, plan)
    till.renew()
    till.session.rollback()
    newest = select(BillingRecord).where(BillingRecord.org_id == org).order_by(BillingRecord.created_at.desc())
    renewal = till.session.scalars(newest).first()
    assert renewal is not None
    assert (renewal.reason, renewal.state, renewal.card_last4) == ("subscription_renewal", "completed", "4444")


def test_what_a_failed_renewal_left_open_is_paid_with_a_new_card_once(till: Till) -> None:
    org, plan = till.org(), till.plan()
    till.bought(org, plan)
    bad = till.card_goes_bad()
    [subscription] = till.standin.objects("subscription")
    assert subscription["default_payment_method"] == bad
    till.renew()
    held = subscriptions.find_subscription(till.session, org)
    assert held is not None
    assert held.state == "past_due"
    declined = card.pay_now(org, actor=SYSTEM, now=till.clock.now())
    assert declined.state == "declined"
    assert declined.url
    opened = open_checkout.open_card_setup(org, currency="USD", actor=SYSTEM, now=till.clock.now())
    till.pay(opened)
    till.fulfil(org, till.session_id(opened))
    assert card.pay_now(org, actor=SYSTEM, now=till.clock.now()).state == "paid"
    till.webhooks()
    held = subscriptions.find_subscription(till.session, org)
    assert held is not None
    assert held.state == "active"
    assert till.books(org)["records"] == ["completed", "completed"]
    till.session.rollback()
    assert set(till.session.scalars(select(StripeInvoice.status).where(StripeInvoice.org_id == org))) == {"paid"}
