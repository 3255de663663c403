"""Renewals that nobody collects: while collection is paused, and of an unpaid subscription."""

from __future__ import annotations

from datetime import timedelta

import pytest
import stripe

from sandbox.standin.engine import retry_settings
from tests.sandbox.billing import DAY, Shop
from tests.standin import StandIn
from tests.today import FixedClock


@pytest.fixture
def shop(standin: StandIn) -> Shop:
    return Shop(standin)


def next_renewal(shop: Shop, standin: StandIn, clock: FixedClock, ident: str) -> stripe.Invoice:
    """The invoice of the next period, two hours after it began."""
    end = shop.v1.subscriptions.retrieve(ident)["items"].data[0].current_period_end
    clock.advance(timedelta(seconds=end + 7200 - int(clock.now().timestamp())))
    standin.run_due()
    return shop.invoices(ident)[-1]


@pytest.mark.parametrize(
    ("behavior", "status"), [("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible"), ("void", "void")]
)
def test_a_paused_renewal_is_kept_written_off_or_voided(shop, standin, clock, behavior, status):
    ident = shop.subscribe().id
    shop.v1.customers.balance_transactions.create(shop.customer, {"amount": -500, "currency": "usd"})
    paused = shop.v1.subscriptions.update(ident, {"pause_collection": {"behavior": behavior}})
    assert (paused.status, paused.pause_collection.resumes_at) == ("active", None)
    invoice = next_renewal(shop, standin, clock, ident)
    assert (invoice.status, invoice.auto_advance, invoice.total) == (status, False, 1900)
    assert (shop.balance(), shop.v1.subscriptions.retrieve(ident).status) == (-500, "active")
    assert len(standin.objects("charge")) == 1
    assert "invoice.upcoming" not in shop.types()
    shop.v1.subscriptions.update(ident, {"pause_collection": ""})
    assert next_renewal(shop, standin, clock, ident).status == "paid"


def test_a_pause_ends_at_its_planned_time(shop, standin, clock):
    subscription = shop.subscribe()
    end = subscription["items"].data[0].current_period_end
    for resumes_at in (end + 90 * DAY, end + 10 * DAY):
        shop.v1.subscriptions.update(
            subscription.id, {"pause_collection": {"behavior": "keep_as_draft", "resumes_at": resumes_at}}
        )
    kept = next_renewal(shop, standin, clock, subscription.id)
    clock.advance(timedelta(days=10))
    standin.run_due()
    assert shop.v1.subscriptions.retrieve(subscription.id).pause_collection is None
    assert shop.v1.invoices.retrieve(kept.id).status == "draft"
    shop.v1.invoices.update(kept.id, {"auto_advance": True})
    standin.run_due()
    assert shop.v1.invoices.retrieve(kept.id).status == "paid"


def test_an_unpaid_subscriptions_drafts_wait_until_it_is_paid(shop, standin, clock):
    with standin.world.change():
        retry_settings.write(standin.world, retry_days=(1,), after_retries="unpaid")
    ident = shop.subscribe().id
    shop.change_card(ident, "pm_card_chargeCustomerFail")
    next_renewal(shop, standin, clock, ident)
    draft = next_renewal(shop, standin, clock, ident)
    assert shop.v1.subscriptions.retrieve(ident).status == "unpaid"
    assert (draft.status, draft.auto_advance, draft.automatically_finalizes_at) == ("draft", False, None)
    shop.change_card(ident, "pm_card_visa")
    assert shop.v1.invoices.pay(draft.id).status == "paid"
    assert shop.v1.subscriptions.retrieve(ident).status == "active"
    assert next_renewal(shop, standin, clock, ident).status == "paid"
