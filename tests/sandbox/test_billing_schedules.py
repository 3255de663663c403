"""Subscription schedules: a change at the end of the period, mirrored, released, cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from sandbox.standin.engine import retry_settings
from tests.sandbox.billing import Shop, at, refused
from tests.standin import StandIn
from tests.today import FixedClock


@pytest.fixture
def shop(standin: StandIn, clock: FixedClock) -> Shop:
    clock.at = at(2026, 4, 1)
    return Shop(standin)


def item_of(subscription: stripe.Subscription) -> Any:
    return subscription["items"].data[0]


def plan(shop: Shop, subscription: stripe.Subscription, price: str, **more: Any) -> stripe.SubscriptionSchedule:
    """The running phase as it is, and one with this price after it."""
    schedule = shop.v1.subscription_schedules.create({"from_subscription": subscription.id})
    first = schedule.phases[0]
    running: Any = {
        "items": [{"price": item.price, "quantity": item.quantity} for item in first["items"]],
        "discounts": [{"discount": row.discount} for row in first.discounts] or "",
        "metadata": (first.metadata or {}).to_dict(),
        "start_date": first.start_date,
        "end_date": first.end_date,
    }
    coming: Any = {"items": [{"price": price}], "proration_behavior": "none", **more}
    params: Any = {"phases": [running, coming], "end_behavior": "release"}
    return shop.v1.subscription_schedules.update(schedule.id, params)


def moved(shop: Shop, standin: StandIn, clock: FixedClock, to: datetime) -> Any:
    clock.at = to
    standin.run_due()
    return shop


def test_a_schedule_of_a_subscription_has_its_period_as_its_phase(shop: Shop) -> None:
    subscription = shop.subscribe()
    schedule = shop.v1.subscription_schedules.create({"from_subscription": subscription.id, "metadata": {"a": "1"}})
    (phase,) = schedule.phases
    item = item_of(subscription)
    assert (phase.start_date, phase.end_date) == (item.current_period_start, item.current_period_end)
    assert [(row.price, row.quantity) for row in phase["items"]] == [(shop.price, 1)]
    assert phase.metadata == subscription.metadata
    assert (schedule.status, schedule.end_behavior, schedule.metadata["a"]) == ("active", "release", "1")
    assert shop.v1.subscriptions.retrieve(subscription.id).schedule == schedule.id
    assert shop.types()[-2:] == ["subscription_schedule.created", "customer.subscription.updated"]
    assert shop.v1.subscription_schedules.list({"customer": shop.customer}).data[0].id == schedule.id
    again = refused(lambda: shop.v1.subscription_schedules.create({"from_subscription": subscription.id}))
    assert "already attached" in again["message"]


def test_a_phase_takes_effect_with_the_renewal_on_one_invoice(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    subscription, cheap = shop.subscribe(), shop.make_price(900)
    schedule = plan(shop, subscription, cheap, metadata={"tollkeeper_plan": "starter", "tollkeeper_org": ""})
    assert shop.v1.invoices.create_preview({"subscription": subscription.id}).total == 900
    moved(shop, standin, clock, at(2026, 4, 30, 23))
    assert item_of(shop.v1.subscriptions.retrieve(subscription.id)).price.id == shop.price
    moved(shop, standin, clock, at(2026, 5, 1, 2))
    now = shop.v1.subscriptions.retrieve(subscription.id)
    assert item_of(now).price.id == cheap
    assert item_of(now).id != item_of(subscription).id
    assert item_of(now).current_period_end == int(at(2026, 6, 1).timestamp())
    assert now.metadata.to_dict() == {"tollkeeper_checkout": "co-1", "tollkeeper_plan": "starter"}
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [1900, 900]
    (event,) = [
        event["data"]["previous_attributes"]
        for event in standin.events("customer.subscription.updated")
        if event["data"]["object"]["metadata"].get("tollkeeper_plan")
        and "items" in event["data"]["previous_attributes"]
    ][:1]
    assert event["items"]["data"][0]["price"]["id"] == shop.price
    # its own phase is over a month later; the subscription goes on
    moved(shop, standin, clock, at(2026, 6, 1, 2))
    over = shop.v1.subscription_schedules.retrieve(schedule.id)
    assert (over.status, shop.v1.subscriptions.retrieve(subscription.id).schedule) == ("completed", None)
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [1900, 900, 900]
    assert {"subscription_schedule.updated", "subscription_schedule.completed"} <= set(shop.types())
    assert "subscription_schedule.expiring" in shop.types()


def test_a_released_schedule_leaves_everything_as_it_is(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    schedule = plan(shop, subscription, shop.make_price(900))
    released = shop.v1.subscription_schedules.release(schedule.id)
    assert (released.status, released.released_subscription, released.subscription) == (
        "released",
        subscription.id,
        None,
    )
    assert shop.v1.subscriptions.retrieve(subscription.id).schedule is None
    assert shop.types()[-2:] == ["subscription_schedule.released", "customer.subscription.updated"]
    moved(shop, standin, clock, at(2026, 5, 1, 2))
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [1900, 1900]
    assert "`released` status" in refused(lambda: shop.v1.subscription_schedules.release(schedule.id))["message"]


def test_a_month_planned_as_a_year_begins_whole_only_with_its_own_anchor(
    shop: Shop, standin: StandIn, clock: FixedClock
) -> None:
    clock.at = at(2026, 1, 31)
    subscription = shop.subscribe()
    moved(shop, standin, clock, at(2026, 2, 1))
    plan(shop, subscription, shop.make_price(9000, "year"), billing_cycle_anchor="phase_start")
    moved(shop, standin, clock, at(2026, 2, 28, 2))
    item = item_of(shop.v1.subscriptions.retrieve(subscription.id))
    assert datetime.fromtimestamp(item.current_period_end, UTC) == at(2027, 2, 28)
    assert shop.invoices(subscription.id)[-1].total == 9000


def test_a_year_planned_as_a_month_begins_at_the_years_end(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    yearly = shop.make_price(19_000, "year")
    subscription = shop.subscribe(line_items=[{"price": yearly, "quantity": 1}])
    plan(shop, subscription, shop.price)
    moved(shop, standin, clock, at(2027, 4, 1, 2))
    item = item_of(shop.v1.subscriptions.retrieve(subscription.id))
    assert (item.price.id, item.current_period_end) == (shop.price, int(at(2027, 5, 1).timestamp()))
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [19_000, 1900]


def test_discounts_are_those_that_the_phase_lists(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    coupon = shop.v1.coupons.create({"percent_off": 50, "duration": "forever"}).id
    subscription = shop.subscribe(discounts=[{"coupon": coupon}])
    (discount,) = subscription.discounts
    assert isinstance(discount, str)
    schedule = plan(shop, subscription, shop.make_price(900), discounts=[{"discount": discount}])
    assert [row.discount for phase in schedule.phases for row in phase.discounts] == [discount, discount]
    moved(shop, standin, clock, at(2026, 5, 1, 2))
    assert shop.invoices(subscription.id)[-1].total == 450
    assert shop.v1.subscriptions.retrieve(subscription.id).discounts == [discount]
    shop.v1.subscription_schedules.release(schedule.id)
    schedule = plan(shop, shop.v1.subscriptions.retrieve(subscription.id), shop.price)
    rows: Any = [{"items": [{"price": row.price} for row in schedule.phases[0]["items"]]}]
    left_out = refused(lambda: shop.v1.subscription_schedules.update(schedule.id, {"phases": rows}))
    assert left_out["param"] == "phases[0][discounts]"
    moved(shop, standin, clock, at(2026, 6, 1, 2))
    assert shop.invoices(subscription.id)[-1].total == 1900


def test_a_phase_within_a_period_is_prorated_as_it_says(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    subscription, dear = shop.subscribe(), shop.make_price(4900)
    schedule = shop.v1.subscription_schedules.create({"from_subscription": subscription.id})
    first, middle = schedule.phases[0], int(at(2026, 4, 16).timestamp())
    params: Any = {
        "phases": [
            {"items": [{"price": shop.price}], "start_date": first.start_date, "end_date": middle},
            {"items": [{"price": dear}], "proration_behavior": "always_invoice", "end_date": first.end_date},
        ]
    }
    shop.v1.subscription_schedules.update(schedule.id, params)
    moved(shop, standin, clock, at(2026, 4, 16, 1))
    assert [line.amount for line in shop.invoices(subscription.id)[-1].lines.data] == [-950, 2450]
    moved(shop, standin, clock, at(2026, 5, 1, 2))
    assert shop.invoices(subscription.id)[-1].total == 4900


def test_a_schedule_ends_with_its_subscription(shop: Shop, standin: StandIn) -> None:
    subscription = shop.subscribe()
    schedule = plan(shop, subscription, shop.make_price(900))
    shop.v1.subscriptions.cancel(subscription.id)
    assert shop.v1.subscription_schedules.retrieve(schedule.id).status == "canceled"
    assert "subscription_schedule.canceled" in shop.types()


def test_a_schedule_is_aborted_where_nobody_pays(shop: Shop, standin: StandIn, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    schedule = plan(shop, subscription, shop.price, duration={"interval": "year", "interval_count": 1})
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    with standin.world.change():
        retry_settings.write(standin.world, retry_days=(3, 5, 7), after_retries="cancel")
    moved(shop, standin, clock, at(2026, 5, 20))
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert shop.v1.subscription_schedules.retrieve(schedule.id).status == "canceled"
    assert "subscription_schedule.aborted" in shop.types()


def test_cancelling_a_schedule_credits_and_bills_what_is_left(shop: Shop, clock: FixedClock) -> None:
    subscription = shop.subscribe()
    schedule = plan(shop, subscription, shop.make_price(900))
    clock.advance(timedelta(days=15))
    assert shop.v1.subscription_schedules.cancel(schedule.id).status == "canceled"
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert (shop.invoices(subscription.id)[-1].total, shop.balance()) == (-950, -950)


def test_a_managed_subscription_is_changed_through_its_schedule(shop: Shop) -> None:
    subscription, cheap = shop.subscribe(), shop.make_price(900)
    plan(shop, subscription, cheap)
    row: Any = {"items": [{"id": item_of(subscription).id, "price": cheap}]}
    assert "Release it first" in refused(lambda: shop.v1.subscriptions.update(subscription.id, row))["message"]
    ending = refused(lambda: shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True}))
    assert "update the schedule instead" in ending["message"]
    assert shop.v1.subscriptions.update(subscription.id, {"metadata": {"b": "2"}}).metadata["b"] == "2"
    card = shop.v1.payment_methods.attach("pm_card_mastercard", {"customer": shop.customer}).id
    assert shop.v1.subscriptions.update(subscription.id, {"default_payment_method": card}).schedule


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ([{"items": [{"price": "other"}]}], "does not change the items of the current phase"),
        ([{"items": [{"price": "own"}], "start_date": 1}], "not be changed in the current phase"),
        ([{"items": [{"price": "own"}]}, {"items": [{"price": "own"}], "start_date": 1}], "follow the phase before"),
        ([{"items": [{"price": "own"}], "end_date": 5, "duration": {"interval": "day"}}], "only specify one"),
    ],
)
def test_phases_that_do_not_follow_are_refused(shop: Shop, phases: Any, words: str) -> None:
    subscription, other = shop.subscribe(), shop.make_price(900)
    schedule = shop.v1.subscription_schedules.create({"from_subscription": subscription.id})
    named = {"own": shop.price, "other": other}
    rows = [{**phase, "items": [{"price": named[row["price"]]} for row in phase["items"]]} for phase in phases]
    found = refused(lambda: shop.v1.subscription_schedules.update(schedule.id, {"phases": rows}))
    assert words in found["message"]
