"""Trials: what is announced, how they end, and how one begins on a running subscription."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.billing import DAY, Shop, at, refused
from tests.standin import StandIn
from tests.today import FixedClock


@pytest.fixture
def shop(standin: StandIn, clock: FixedClock) -> Shop:
    clock.at = at(2026, 4, 1)
    return Shop(standin)


def create(shop: Shop, **more: Any) -> stripe.Subscription:
    params: Any = {"customer": shop.customer, "items": [{"price": shop.price}], **more}
    return shop.v1.subscriptions.create(params)


def announced(standin: StandIn) -> list[int]:
    return [event["created"] for event in standin.events("customer.subscription.trial_will_end")]


def test_the_end_is_announced_three_days_before_wherever_it_has_been_moved(
    shop: Shop, standin: StandIn, clock: FixedClock
) -> None:
    shop.save_card()
    trial = create(shop, trial_period_days=14)
    later = trial.created + 20 * DAY
    shop.v1.subscriptions.update(trial.id, {"trial_end": later})
    clock.advance(timedelta(days=19))
    standin.run_due()
    assert announced(standin) == [later - 3 * DAY]


def test_an_end_now_is_announced_and_billed(shop: Shop, standin: StandIn) -> None:
    shop.save_card()
    trial = create(shop, trial_period_days=14)
    ended = shop.v1.subscriptions.update(trial.id, {"trial_end": "now"})
    assert (ended.status, ended.billing_cycle_anchor) == ("active", trial.created)
    assert [invoice.total for invoice in shop.invoices(trial.id)] == [0, 1900]
    assert len(announced(standin)) == 1


@pytest.mark.parametrize(("behavior", "status"), [("cancel", "canceled"), ("pause", "paused")])
def test_an_end_now_without_a_card_is_as_the_subscription_says(shop: Shop, behavior: Any, status: str) -> None:
    end: Any = {"end_behavior": {"missing_payment_method": behavior}}
    trial = create(shop, trial_period_days=14, trial_settings=end)
    assert shop.v1.subscriptions.update(trial.id, {"trial_end": "now"}).status == status
    assert [invoice.total for invoice in shop.invoices(trial.id)] == [0]


def test_a_declined_card_at_the_end_is_past_due(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    shop.save_card("pm_card_chargeCustomerFail")
    trial = create(shop, trial_period_days=7)
    clock.advance(timedelta(days=7, hours=2))
    standin.run_due()
    assert shop.v1.subscriptions.retrieve(trial.id).status == "past_due"


def test_a_coupon_for_one_invoice_waits_for_the_trials_end(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    shop.save_card()
    coupon = shop.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    trial = create(shop, trial_period_days=7, discounts=[{"coupon": coupon}])
    assert len(trial.discounts) == 1
    clock.advance(timedelta(days=7, hours=2))
    standin.run_due()
    assert shop.invoices(trial.id)[-1].total == 950
    assert shop.v1.subscriptions.retrieve(trial.id).discounts == []


def test_a_trial_on_a_running_subscription_credits_what_was_paid(shop: Shop, clock: FixedClock) -> None:
    shop.save_card()
    running = create(shop)
    clock.advance(timedelta(days=15))
    end = int(at(2026, 5, 16).timestamp())
    params: Any = {"trial_end": end, "proration_behavior": "create_prorations"}
    trial = shop.v1.subscriptions.update(running.id, params)
    assert (trial.status, trial.trial_start, trial.trial_end) == ("trialing", int(at(2026, 4, 16).timestamp()), end)
    assert (shop.invoices(running.id)[-1].total, shop.balance()) == (-950, -950)


def test_an_end_that_has_passed_is_refused(shop: Shop) -> None:
    shop.save_card()
    running = create(shop)
    for requested in (1, "now"):
        params: Any = {"trial_end": requested}
        assert refused(lambda: shop.v1.subscriptions.update(running.id, params))["param"] == "trial_end"  # noqa: B023


def test_two_subscriptions_of_a_customer_are_credited_each_for_its_own(shop: Shop, clock: FixedClock) -> None:
    shop.save_card()
    first, second = create(shop), create(shop, items=[{"price": shop.make_price(3000)}])
    clock.advance(timedelta(days=15))
    row: Any = {"id": second["items"].data[0].id, "price": shop.make_price(6000)}
    params: Any = {"items": [row], "proration_behavior": "always_invoice"}
    shop.v1.subscriptions.update(second.id, params)
    assert [line.amount for line in shop.invoices(second.id)[-1].lines.data] == [-1500, 3000]
    assert len(shop.invoices(first.id)) == 1


def test_a_planned_end_by_word_is_an_instant_that_a_new_period_does_not_move(
    shop: Shop, standin: StandIn, clock: FixedClock
) -> None:
    shop.save_card()
    running = create(shop)
    planned = shop.v1.subscriptions.update(running.id, {"cancel_at": "min_period_end"})
    assert (planned.cancel_at, planned.cancel_at_period_end) == (int(at(2026, 5, 1).timestamp()), False)
    clock.advance(timedelta(days=10))
    now: Any = {"billing_cycle_anchor": {"type": "now"}}
    assert shop.v1.subscriptions.update(running.id, now).cancel_at == planned.cancel_at
    clock.at = at(2026, 5, 1)
    standin.run_due()
    assert shop.v1.subscriptions.retrieve(running.id).status == "canceled"


def test_an_end_at_the_periods_end_moves_with_the_period(shop: Shop, clock: FixedClock) -> None:
    shop.save_card()
    running = create(shop, cancel_at_period_end=True)
    clock.advance(timedelta(days=10))
    now: Any = {"billing_cycle_anchor": {"type": "now"}}
    assert shop.v1.subscriptions.update(running.id, now).cancel_at == int(at(2026, 5, 11).timestamp())


@pytest.mark.parametrize(("how", "total"), [({}, 1900), ({"prorate": True, "invoice_now": True}, -950)])
def test_cancelling_at_once_credits_only_when_asked(shop: Shop, clock: FixedClock, how: Any, total: int) -> None:
    shop.save_card()
    running = create(shop)
    clock.advance(timedelta(days=15))
    shop.v1.subscriptions.cancel(running.id, how)
    assert shop.invoices(running.id)[-1].total == total
    assert shop.balance() == min(total, 0)


@pytest.mark.parametrize(("unused", "balance"), [("now", -950), ("item_current_period_start", -1900), ("none", 0)])
def test_a_pause_credits_what_it_is_told_and_ends_when_the_next_period_is_paid(
    shop: Shop, standin: StandIn, clock: FixedClock, unused: Any, balance: int
) -> None:
    shop.save_card()
    running = create(shop)
    clock.advance(timedelta(days=15))
    bill_for: Any = {"unused_time_from": {"type": unused}}
    paused = shop.v1.subscriptions.pause(running.id, {"bill_for": bill_for, "invoicing_behavior": "invoice"})
    details: Any = paused.status_details
    assert (paused.status, details.paused.subscription.type) == ("paused", "pause_requested")
    assert shop.balance() == balance
    clock.at = at(2026, 6, 1)
    standin.run_due()
    assert len(shop.invoices(running.id)) == (1 if unused == "none" else 2)
    assert shop.v1.subscriptions.resume(running.id).status == "active"
    last = shop.invoices(running.id)[-1]
    assert (last.total, last.amount_due, shop.balance()) == (1900, 1900 + balance, 0)
    assert {"customer.subscription.paused", "customer.subscription.resumed"} <= set(shop.types())
