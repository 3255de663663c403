from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import stripe

from sandbox.standin.engine import retry_settings
from tests.sandbox.billing import DAY, Shop, at
from tests.standin import StandIn
from tests.standin_visit import Visit
from tests.today import FixedClock

HOUR = 3600


@pytest.fixture
def shop(standin: StandIn, clock: FixedClock) -> Shop:
    clock.at = at(2026, 1, 31, 10, 15, 30)
    return Shop(standin)


def go_to(standin: StandIn, clock: FixedClock, moment: int) -> None:
    clock.at = datetime.fromtimestamp(moment, UTC)
    standin.run_due()


def period_end(shop: Shop, ident: str) -> int:
    return shop.v1.subscriptions.retrieve(ident)["items"].data[0].current_period_end


def test_twelve_renewals_from_31_january_tile_time(shop, standin, clock):
    subscription = shop.subscribe()
    clock.at = at(2027, 2, 1)
    standin.run_due()
    invoices = shop.invoices(subscription.id)
    assert len(invoices) == 13
    periods = [(invoice.lines.data[0].period.start, invoice.lines.data[0].period.end) for invoice in invoices]
    assert all(before[1] == after[0] for before, after in pairwise(periods))
    days = [datetime.fromtimestamp(end, UTC) for _, end in periods]
    assert [day.day for day in days] == [28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28]
    assert {(day.hour, day.minute, day.second) for day in days} == {(10, 15, 30)}
    assert [invoice.status for invoice in invoices] == ["paid"] * 13
    assert [invoice.billing_reason for invoice in invoices] == ["subscription_create"] + ["subscription_cycle"] * 12
    assert len({invoice.number for invoice in invoices}) == 13
    assert all(invoice.created == start for invoice, (start, _) in zip(invoices, periods, strict=True))


def test_the_period_moves_before_the_payment_and_the_draft_waits_an_hour(shop, standin, clock):
    subscription = shop.subscribe()
    end = period_end(shop, subscription.id)
    go_to(standin, clock, end - 1)
    before = len(shop.types())
    go_to(standin, clock, end)
    assert shop.types()[before:] == ["invoice.created", "customer.subscription.updated"]
    changed = standin.events()[-1]["data"]
    assert set(changed["previous_attributes"]) == {"items", "latest_invoice"}
    draft = shop.invoices(subscription.id)[-1]
    assert (draft.status, draft.number, draft.automatically_finalizes_at) == ("draft", None, end + HOUR)
    assert (draft.period_start, draft.period_end) == (subscription.created, end)
    assert period_end(shop, subscription.id) > end
    go_to(standin, clock, end + HOUR - 1)
    assert shop.invoices(subscription.id)[-1].status == "draft"
    go_to(standin, clock, end + HOUR)
    paid = shop.invoices(subscription.id)[-1]
    assert (paid.status, paid.attempt_count, paid.status_transitions.paid_at) == ("paid", 1, end + HOUR)
    assert shop.types()[before + 2 :] == [
        "payment_intent.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


def test_a_renewal_is_announced_a_week_before(shop, standin, clock):
    subscription = shop.subscribe()
    end = period_end(shop, subscription.id)
    go_to(standin, clock, end - 7 * DAY)
    announced = standin.events("invoice.upcoming")[0]["data"]["object"]
    assert (announced["total"], announced["lines"]["data"][0]["period"]["start"]) == (1900, end)
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
        shop.v1.invoices.retrieve(announced["id"])


def test_a_held_draft_is_finalised_by_its_owner_with_the_items_put_on_it(shop, standin, clock):
    subscription = shop.subscribe()
    end = period_end(shop, subscription.id)
    go_to(standin, clock, end)
    draft = shop.invoices(subscription.id)[-1]
    shop.v1.invoices.update(draft.id, {"auto_advance": False})
    shop.v1.invoice_items.create(
        {
            "customer": shop.customer,
            "invoice": draft.id,
            "subscription": subscription.id,
            "unit_amount_decimal": "0.015",
            "quantity": 1500,
            "currency": "usd",
            "period": {"start": subscription.created, "end": end},
            "metadata": {"charge": "c1"},
        }
    )
    go_to(standin, clock, end + 5 * HOUR)
    held = shop.v1.invoices.retrieve(draft.id)
    assert (held.status, held.total) == ("draft", 1923)
    done = shop.v1.invoices.finalize_invoice(draft.id, {"auto_advance": True})
    assert (done.status, done.amount_paid) == ("paid", 1923)
    item, flat = done.lines.data
    assert (item.amount, item.metadata["charge"], item.parent.type) == (23, "c1", "invoice_item_details")
    assert flat.parent.type == "subscription_item_details"


def failing(shop: Shop, standin: StandIn, clock: FixedClock) -> tuple[str, int]:
    """A subscription whose renewal has just failed, and the instant of the failure."""
    subscription = shop.subscribe()
    shop.change_card(subscription.id, "pm_card_chargeCustomerFail")
    moment = period_end(shop, subscription.id) + HOUR
    go_to(standin, clock, moment)
    return subscription.id, moment


def test_a_failed_renewal_is_past_due_and_tried_after_3_5_and_7_days(shop, standin, clock):
    ident, failed = failing(shop, standin, clock)
    assert shop.types()[-8:] == [
        "payment_intent.created",
        "invoice.finalized",
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
        "customer.updated",
        "customer.subscription.updated",
    ]
    for count, days in enumerate((3, 5, 7, None), 1):
        invoice = shop.invoices(ident)[-1]
        expected = failed + days * DAY if days else None
        assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt) == ("open", count, expected)
        assert shop.v1.subscriptions.retrieve(ident).status == "past_due"
        assert len(standin.events("invoice.payment_failed")) == count
        if days:
            go_to(standin, clock, failed + days * DAY)
    assert shop.v1.customers.retrieve(shop.customer).delinquent
    clock.advance(timedelta(days=10))
    standin.run_due()
    assert shop.invoices(ident)[-1].attempt_count == 4


def test_a_new_card_and_pay_end_the_arrears(shop, standin, clock):
    ident, _ = failing(shop, standin, clock)
    invoice = shop.invoices(ident)[-1]
    with pytest.raises(stripe.CardError) as refused:
        shop.v1.invoices.pay(invoice.id)
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    assert shop.v1.invoices.retrieve(invoice.id).attempt_count == 1
    shop.change_card(ident, "pm_card_visa")
    assert shop.v1.subscriptions.retrieve(ident).status == "past_due"
    assert shop.v1.invoices.pay(invoice.id).status == "paid"
    assert shop.v1.subscriptions.retrieve(ident).status == "active"
    assert not shop.v1.customers.retrieve(shop.customer).delinquent
    assert shop.types()[-1] == "customer.subscription.updated"
    charges = len(standin.objects("charge"))
    clock.advance(timedelta(days=8))
    standin.run_due()
    assert len(standin.objects("charge")) == charges


def test_a_new_card_is_used_by_the_next_retry(shop, standin, clock):
    ident, failed = failing(shop, standin, clock)
    shop.change_card(ident, "pm_card_visa")
    go_to(standin, clock, failed + 3 * DAY)
    assert shop.invoices(ident)[-1].status == "paid"
    assert shop.v1.subscriptions.retrieve(ident).status == "active"


def test_the_subscriptions_own_card_goes_before_the_customers(shop, standin, clock):
    subscription = shop.subscribe()
    card = shop.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": shop.customer}).id
    shop.v1.customers.update(shop.customer, {"invoice_settings": {"default_payment_method": card}})
    end = period_end(shop, subscription.id)
    go_to(standin, clock, end + HOUR)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"
    shop.v1.subscriptions.update(subscription.id, {"default_payment_method": card})
    go_to(standin, clock, period_end(shop, subscription.id) + HOUR)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "past_due"


def test_a_card_that_asks_for_3d_secure_each_time_fails_off_session_and_pays_on_the_invoices_page(shop, standin, clock):
    subscription = shop.subscribe("4000002760003184")
    go_to(standin, clock, period_end(shop, subscription.id) + HOUR)
    assert {"invoice.payment_action_required", "invoice.payment_failed"} <= set(shop.types())
    invoice = shop.invoices(subscription.id)[-1]
    intent = shop.v1.payment_intents.retrieve(invoice.payments.data[0].payment.payment_intent)
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", "authentication_required")
    assert invoice.hosted_invoice_url
    refused = standin.pay(invoice.hosted_invoice_url, card="4000002760003184", secure="fail")
    assert "unable to authenticate" in refused.text
    paid = standin.pay(invoice.hosted_invoice_url, card="4000002760003184")
    assert "Paid" in paid.text
    assert not paid.has("pay")
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize(("after", "status"), [("unpaid", "unpaid"), ("cancel", "canceled"), ("past_due", "past_due")])
def test_what_follows_the_last_retry_is_a_switch(shop, standin, clock, after, status):
    with standin.world.change():
        retry_settings.write(standin.world, retry_days=(1, 2), after_retries=after)
    ident, failed = failing(shop, standin, clock)
    for days in (1, 2):
        go_to(standin, clock, failed + days * DAY)
    found = shop.v1.subscriptions.retrieve(ident)
    assert found.status == status
    if after == "cancel":
        assert (found.ended_at, found.cancellation_details.reason) == (failed + 2 * DAY, "payment_failed")
        assert shop.types()[-1] == "customer.subscription.deleted"


def test_an_unpaid_subscription_makes_drafts_that_nobody_finalises(shop, standin, clock):
    with standin.world.change():
        retry_settings.write(standin.world, retry_days=(1,), after_retries="unpaid")
    ident, failed = failing(shop, standin, clock)
    go_to(standin, clock, failed + DAY)
    clock.advance(timedelta(days=40))
    standin.run_due()
    assert shop.invoices(ident)[-1].status == "draft"


def test_cancel_at_period_end_ends_there_without_a_bill(shop, standin, clock):
    subscription = shop.subscribe()
    end = period_end(shop, subscription.id)
    clock.advance(timedelta(days=2))
    planned = shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (planned.status, planned.cancel_at, planned.cancel_at_period_end) == ("active", end, True)
    assert planned.cancellation_details.reason == "cancellation_requested"
    go_to(standin, clock, end - 1)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"
    go_to(standin, clock, end + 40 * DAY)
    ended = shop.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", end)
    assert shop.types()[-1] == "customer.subscription.deleted"
    assert len(shop.invoices(subscription.id)) == 1
    with pytest.raises(stripe.InvalidRequestError):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})


def test_a_planned_end_can_be_taken_back(shop, standin, clock):
    subscription = shop.subscribe()
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    undone = shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (undone.cancel_at, undone.cancel_at_period_end, undone.canceled_at) == (None, False, None)
    go_to(standin, clock, period_end(shop, subscription.id) + HOUR)
    assert [invoice.status for invoice in shop.invoices(subscription.id)] == ["paid", "paid"]


def test_cancelling_while_past_due_stops_the_retries(shop, standin, clock):
    ident, _ = failing(shop, standin, clock)
    gone = shop.v1.subscriptions.cancel(ident)
    assert gone.status == "canceled"
    clock.advance(timedelta(days=10))
    standin.run_due()
    invoice = shop.invoices(ident)[-1]
    assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt) == ("open", 1, None)


def test_a_trial_costs_nothing_then_is_billed(shop, standin, clock):
    subscription = shop.subscribe(subscription_data={"trial_period_days": 14})
    assert (subscription.status, subscription.trial_end) == ("trialing", subscription.created + 14 * DAY)
    first = shop.invoices(subscription.id)[0]
    assert (first.total, first.status) == (0, "paid")
    go_to(standin, clock, subscription.trial_end)
    assert "customer.subscription.trial_will_end" in shop.types()
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"
    go_to(standin, clock, subscription.trial_end + HOUR)
    assert shop.invoices(subscription.id)[-1].amount_paid == 1900


def test_the_invoices_page_and_pdf(shop, standin):
    subscription = shop.subscribe()
    invoice = shop.v1.invoices.retrieve(subscription.latest_invoice)
    visit = Visit(standin.url)
    visit.open(invoice.hosted_invoice_url)
    assert invoice.number in visit.text
    assert "Pro plan" in visit.text
    visit.open(invoice.invoice_pdf)
    assert visit.text.startswith("%PDF-1.4")
    assert visit.text.rstrip().endswith("%%EOF")
    start = int(visit.text.rsplit("startxref\n", 1)[1].split()[0])
    assert visit.text[start:].startswith("xref")
