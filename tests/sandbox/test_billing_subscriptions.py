from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.billing import DAY, Shop, at
from tests.standin import StandIn
from tests.today import FixedClock


@pytest.fixture
def shop(standin: StandIn, clock: FixedClock) -> Shop:
    clock.at = at(2026, 4, 1)
    return Shop(standin)


NOW: Any = {"billing_cycle_anchor": {"type": "now"}}


def item_of(subscription: stripe.Subscription) -> Any:
    return subscription["items"].data[0]


def swap(shop: Shop, subscription: stripe.Subscription, price: str, **more: Any) -> stripe.Subscription:
    rows: Any = [{"id": item_of(subscription).id, "price": price}]
    params: Any = {"items": rows, "proration_behavior": "always_invoice", **more}
    return shop.v1.subscriptions.update(subscription.id, params)


def test_an_upgrade_bills_the_difference_by_the_second_and_keeps_the_period(shop, standin, clock):
    subscription, dear = shop.subscribe(), shop.make_price(4900)
    clock.advance(timedelta(days=10))
    moment = int(clock.now().timestamp())
    preview = shop.v1.invoices.create_preview(
        {
            "subscription": subscription.id,
            "subscription_details": {
                "items": [{"id": item_of(subscription).id, "price": dear}],
                "proration_behavior": "always_invoice",
                "proration_date": moment,
            },
        }
    )
    clock.advance(timedelta(seconds=7))
    changed = swap(shop, subscription, dear, payment_behavior="pending_if_incomplete", proration_date=moment)
    assert item_of(changed).price.id == dear
    assert item_of(changed).id == item_of(subscription).id
    assert item_of(changed).current_period_end == item_of(subscription).current_period_end
    invoice = shop.v1.invoices.retrieve(changed.latest_invoice)
    # 20 of April's 30 days are left: -1900*20/30 = -1266.67 and 4900*20/30 = 3266.67
    assert [line.amount for line in invoice.lines.data] == [-1267, 3267]
    assert (invoice.total, invoice.status, invoice.billing_reason) == (2000, "paid", "subscription_update")
    assert preview.total == invoice.total
    assert changed.pending_update is None
    assert all(line.parent.subscription_item_details.proration for line in invoice.lines.data)


def test_an_upgrade_that_is_not_paid_waits_and_is_made_when_it_is(shop, standin, clock):
    subscription, dear = shop.subscribe(), shop.make_price(4900)
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    waiting = swap(shop, subscription, dear, payment_behavior="pending_if_incomplete")
    assert item_of(waiting).price.id == shop.price
    assert waiting.pending_update.subscription_items[0].price.id == dear
    assert waiting.status == "active"
    shop.change_card(subscription.id, "pm_card_visa")
    shop.v1.invoices.pay(waiting.latest_invoice)
    changed = shop.v1.subscriptions.retrieve(subscription.id)
    assert (item_of(changed).price.id, changed.pending_update) == (dear, None)
    assert "customer.subscription.pending_update_applied" in shop.types()


def test_an_upgrade_that_nobody_pays_lapses_after_23_hours(shop, standin, clock):
    subscription, dear = shop.subscribe(), shop.make_price(4900)
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    waiting = swap(shop, subscription, dear, payment_behavior="pending_if_incomplete")
    clock.advance(timedelta(hours=23))
    standin.run_due()
    left = shop.v1.subscriptions.retrieve(subscription.id)
    assert (item_of(left).price.id, left.pending_update) == (shop.price, None)
    assert shop.v1.invoices.retrieve(waiting.latest_invoice).status == "void"
    assert "customer.subscription.pending_update_expired" in shop.types()


def test_error_if_incomplete_leaves_no_trace(shop, standin):
    subscription, dear = shop.subscribe(), shop.make_price(4900)
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    events = len(standin.events())
    with pytest.raises(stripe.CardError):
        swap(shop, subscription, dear, payment_behavior="error_if_incomplete")
    assert item_of(shop.v1.subscriptions.retrieve(subscription.id)).price.id == shop.price
    assert len(standin.events()) == events


def test_a_change_without_proration_costs_nothing_now(shop, standin):
    subscription, dear = shop.subscribe(), shop.make_price(4900)
    changed = swap(shop, subscription, dear, proration_behavior="none")
    assert item_of(changed).price.id == dear
    assert len(shop.invoices(subscription.id)) == 1


def test_prorations_can_wait_for_the_renewal(shop, standin, clock):
    subscription, dear = shop.subscribe(), shop.make_price(4900)
    clock.advance(timedelta(days=15))
    swap(shop, subscription, dear, proration_behavior="create_prorations")
    assert len(shop.v1.invoice_items.list({"customer": shop.customer, "pending": True}).data) == 2
    preview = shop.v1.invoices.create_preview({"subscription": subscription.id})
    assert preview.total == 4900 + 2450 - 950
    clock.at = at(2026, 5, 1, 2)
    standin.run_due()
    assert shop.invoices(subscription.id)[-1].amount_paid == preview.total
    assert not shop.v1.invoice_items.list({"customer": shop.customer, "pending": True}).data


def test_a_yearly_price_begins_a_new_period_now(shop, standin, clock):
    subscription, yearly = shop.subscribe(), shop.make_price(19_000, "year")
    clock.advance(timedelta(days=15))
    changed = swap(shop, subscription, yearly, **NOW)
    assert changed.billing_cycle_anchor == int(clock.now().timestamp())
    assert datetime.fromtimestamp(item_of(changed).current_period_end, UTC) == at(2027, 4, 16)
    assert shop.invoices(subscription.id)[-1].total == 19_000 - 950
    clock.at = at(2027, 4, 16, 2)
    standin.run_due()
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [1900, 18_050, 19_000]


def test_a_second_item_without_an_id_is_added(shop, standin):
    subscription, extra = shop.subscribe(), shop.make_price(500)
    rows: Any = {"items": [{"price": extra, "quantity": 3}], "proration_behavior": "none"}
    assert len(shop.v1.subscriptions.update(subscription.id, rows)["items"].data) == 2
    items = shop.v1.subscription_items.list({"subscription": subscription.id}).data
    added = next(item for item in items if item.price.id == extra)
    assert shop.v1.subscription_items.update(added.id, {"quantity": 2, "proration_behavior": "none"}).quantity == 2
    assert shop.v1.subscription_items.retrieve(added.id).quantity == 2
    shop.v1.subscription_items.delete(added.id, {"proration_behavior": "none"})
    assert len(shop.v1.subscriptions.retrieve(subscription.id)["items"].data) == 1


def create(shop: Shop, **more: Any) -> stripe.Subscription:
    params: Any = {"customer": shop.customer, "items": [{"price": shop.price}], **more}
    return shop.v1.subscriptions.create(params)


def test_a_subscription_made_by_the_api_is_incomplete_until_paid_and_lapses(shop, standin, clock):
    waiting = create(shop, payment_behavior="default_incomplete")
    assert waiting.status == "incomplete"
    clock.advance(timedelta(hours=23))
    standin.run_due()
    gone = shop.v1.subscriptions.retrieve(waiting.id)
    assert gone.status == "incomplete_expired"
    assert shop.v1.invoices.retrieve(gone.latest_invoice).status == "void"


def test_a_subscription_made_by_the_api_with_a_card_is_active_at_once(shop, standin):
    card = shop.v1.payment_methods.attach("pm_card_visa", {"customer": shop.customer}).id
    made = create(shop, default_payment_method=card, metadata={"a": "1"}, off_session=True)
    assert (made.status, made.metadata["a"]) == ("active", "1")
    assert shop.v1.invoices.retrieve(made.latest_invoice).status == "paid"


def test_a_trial_without_a_card_pauses_and_is_resumed(shop, standin, clock):
    end: Any = {"end_behavior": {"missing_payment_method": "pause"}}
    trial = create(shop, trial_period_days=7, trial_settings=end)
    assert trial.status == "trialing"
    clock.advance(timedelta(days=7))
    standin.run_due()
    assert shop.v1.subscriptions.retrieve(trial.id).status == "paused"
    assert "customer.subscription.paused" in shop.types()
    card = shop.v1.payment_methods.attach("pm_card_visa", {"customer": shop.customer}).id
    shop.v1.customers.update(shop.customer, {"invoice_settings": {"default_payment_method": card}})
    back = shop.v1.subscriptions.resume(trial.id)
    assert (back.status, back.billing_cycle_anchor) == ("active", int(clock.now().timestamp()))
    assert shop.invoices(trial.id)[-1].amount_paid == 1900
    assert shop.types()[-1] == "customer.subscription.resumed"


def test_a_trial_can_be_lengthened_and_ended_at_once(shop, standin, clock):
    card = shop.v1.payment_methods.attach("pm_card_visa", {"customer": shop.customer}).id
    trial = create(shop, trial_period_days=7, default_payment_method=card)
    later = trial.created + 10 * DAY
    longer = shop.v1.subscriptions.update(trial.id, {"trial_end": later})
    assert (longer.status, longer.trial_end, item_of(longer).current_period_end) == ("trialing", later, later)
    clock.advance(timedelta(days=8))
    standin.run_due()
    ended = shop.v1.subscriptions.update(trial.id, {"trial_end": "now"})
    assert (ended.status, shop.v1.invoices.retrieve(ended.latest_invoice).amount_paid) == ("active", 1900)
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
        shop.v1.subscriptions.update(trial.id, {"trial_end": "now"})


def test_a_yearly_price_without_proration_gives_nothing_back(shop, standin, clock):
    subscription, yearly = shop.subscribe(), shop.make_price(19_000, "year")
    clock.advance(timedelta(days=15))
    swap(shop, subscription, yearly, proration_behavior="none", **NOW)
    assert shop.invoices(subscription.id)[-1].total == 19_000


def previewed(shop: Shop, subscription: stripe.Subscription, price: str, **more: Any) -> stripe.Invoice:
    details: Any = {"items": [{"id": item_of(subscription).id, "price": price}], **more}
    return shop.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": details})


def test_a_preview_without_proration_is_what_is_billed(shop, standin, clock):
    subscription, yearly = shop.subscribe(), shop.make_price(19_000, "year")
    clock.advance(timedelta(days=15))
    preview = previewed(shop, subscription, yearly, proration_behavior="none", **NOW)
    swap(shop, subscription, yearly, proration_behavior="none", **NOW)
    assert preview.total == shop.invoices(subscription.id)[-1].total


@pytest.mark.parametrize("interval", ["month", "year"])
def test_a_change_on_trial_costs_nothing_and_leaves_the_trials_end(shop, standin, clock, interval):
    card = shop.v1.payment_methods.attach("pm_card_visa", {"customer": shop.customer}).id
    trial, dear = create(shop, trial_period_days=7, default_payment_method=card), shop.make_price(4900, interval)
    clock.advance(timedelta(days=2))
    preview = previewed(shop, trial, dear, proration_behavior="always_invoice")
    changed = swap(shop, trial, dear)
    assert (changed.status, item_of(changed).current_period_end) == ("trialing", trial.trial_end)
    assert [invoice.total for invoice in shop.invoices(trial.id)] == [0, preview.total] == [0, 0]
    clock.advance(timedelta(days=5, hours=2))
    standin.run_due()
    first = shop.invoices(trial.id)[-1]
    assert (first.total, first.period_end) == (4900, trial.trial_end)


def test_a_preview_counts_the_customers_credit(shop, standin, clock):
    subscription, cheap = shop.subscribe(), shop.make_price(900)
    clock.advance(timedelta(days=15))
    swap(shop, subscription, cheap)
    assert shop.v1.customers.retrieve(shop.customer).balance == -500
    preview = shop.v1.invoices.create_preview({"subscription": subscription.id})
    assert (preview.total, preview.starting_balance, preview.amount_due) == (900, -500, 400)
    clock.at = at(2026, 5, 1, 2)
    standin.run_due()
    assert shop.invoices(subscription.id)[-1].amount_paid == preview.amount_due


def test_a_deleted_customers_subscription_ends_and_its_checkout_is_closed_to_payment(shop, standin, clock):
    subscription, session = shop.subscribe(), shop.checkout()
    shop.v1.customers.delete(shop.customer)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert standin.pay(session.url).status == 404
    clock.advance(timedelta(days=40))
    standin.run_due()
    assert len(standin.objects("charge")) == 1


def test_lists_hide_the_ended_unless_asked(shop, standin):
    old, new = shop.subscribe(), shop.subscribe()
    shop.v1.subscriptions.cancel(old.id, {"cancellation_details": {"comment": "too dear"}})
    assert shop.v1.subscriptions.retrieve(old.id).cancellation_details.comment == "too dear"

    def ids(**params: Any) -> list[str]:
        return [found.id for found in shop.v1.subscriptions.list(params).data]  # type: ignore[arg-type]

    assert ids() == [new.id]
    assert ids(status="all") == [new.id, old.id]
    assert ids(status="canceled", customer=shop.customer) == [old.id]
    assert ids(created={"gt": new.created}) == []
    assert ids(price=shop.price) == [new.id]


def test_the_next_renewal_is_previewed_and_none_where_it_ends(shop, standin):
    subscription = shop.subscribe()
    end = item_of(subscription).current_period_end
    preview = shop.v1.invoices.create_preview({"subscription": subscription.id})
    assert (preview.total, preview.created, preview.lines.data[0].period.start) == (1900, end, end)
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError) as none:
        shop.v1.invoices.create_preview({"subscription": subscription.id})
    assert none.value.code == "invoice_upcoming_none"


def test_an_end_at_a_chosen_instant(shop, standin, clock):
    subscription = shop.subscribe()
    moment = subscription.created + 3 * DAY
    assert shop.v1.subscriptions.update(subscription.id, {"cancel_at": moment}).cancel_at == moment
    assert shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False}).cancel_at == moment
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True, "cancel_at": moment})
    clock.advance(timedelta(days=3))
    standin.run_due()
    assert shop.v1.subscriptions.retrieve(subscription.id).ended_at == moment


def test_settings_merge_and_clear(shop, standin):
    subscription = shop.subscribe()
    changed = shop.v1.subscriptions.update(subscription.id, {"metadata": {"x": "1"}, "description": "Team"})
    assert (changed.metadata["x"], changed.metadata["tollkeeper_org"], changed.description) == ("1", "org-1", "Team")
    cleared = shop.v1.subscriptions.update(subscription.id, {"metadata": {"x": ""}, "description": ""})
    assert "x" not in cleared.metadata
    assert cleared.description is None


def test_an_unknown_item_price_or_card_is_refused(shop, standin):
    subscription = shop.subscribe()
    for params in (
        {"items": [{"id": "si_nobody"}]},
        {"items": [{"id": item_of(subscription).id, "price": "price_nobody"}]},
        {"default_payment_method": "pm_nobody"},
        {"items": [{"id": item_of(subscription).id, "price": shop.make_price(100, currency="eur")}]},
        {"items": [{"price": shop.make_price(100, None)}]},
    ):
        with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
            shop.v1.subscriptions.update(subscription.id, params)
