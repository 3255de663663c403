"""Who moves an invoice on: the clock while `auto_advance` is set, else whoever calls; and what a status allows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.sandbox.billing import DAY, Shop, refused
from tests.standin import StandIn
from tests.today import FixedClock

HOUR = 3600


@pytest.fixture
def shop(standin: StandIn) -> Shop:
    return Shop(standin)


def wait(standin: StandIn, clock: FixedClock, seconds: int) -> None:
    clock.advance(timedelta(seconds=seconds))
    standin.run_due()


def renewed(shop: Shop, standin: StandIn, clock: FixedClock, card: str = "4242424242424242") -> tuple[str, str]:
    """A subscription whose second period has just begun, and the draft of it."""
    subscription = shop.subscribe(card)
    end = subscription["items"].data[0].current_period_end
    wait(standin, clock, end - int(clock.now().timestamp()))
    return subscription.id, shop.invoices(subscription.id)[-1].id


def test_a_stopped_draft_waits_until_the_clock_is_started_again(shop, standin, clock):
    _, ident = renewed(shop, standin, clock)
    created = shop.v1.invoices.retrieve(ident).created
    stopped = shop.v1.invoices.update(ident, {"auto_advance": False})
    assert (stopped.auto_advance, stopped.automatically_finalizes_at) == (False, None)
    started = shop.v1.invoices.update(ident, {"auto_advance": True})
    assert started.automatically_finalizes_at == created + HOUR
    shop.v1.invoices.update(ident, {"auto_advance": False})
    wait(standin, clock, 5 * DAY)
    assert shop.v1.invoices.retrieve(ident).status == "draft"
    shop.v1.invoices.update(ident, {"auto_advance": True})
    standin.run_due()
    assert shop.v1.invoices.retrieve(ident).status == "paid"


def test_what_the_api_finalises_with_auto_advance_is_collected_at_once(shop, standin, clock):
    _, ident = renewed(shop, standin, clock)
    shop.v1.invoices.update(ident, {"auto_advance": False})
    shop.item(700, ident)
    paid = shop.v1.invoices.finalize_invoice(ident, {"auto_advance": True})
    assert (paid.status, paid.amount_paid, paid.auto_advance) == ("paid", 2600, False)


def test_what_the_api_finalises_with_auto_advance_is_retried_and_the_subscription_past_due(shop, standin, clock):
    subscription, ident = renewed(shop, standin, clock)
    shop.v1.invoices.update(ident, {"auto_advance": False})
    shop.change_card(subscription, "pm_card_chargeCustomerFail")
    failed = shop.v1.invoices.finalize_invoice(ident, {"auto_advance": True})
    assert (failed.status, failed.attempt_count, failed.auto_advance) == ("open", 1, True)
    assert failed.next_payment_attempt == int(clock.now().timestamp()) + 3 * DAY
    assert shop.v1.subscriptions.retrieve(subscription).status == "past_due"
    shop.change_card(subscription, "pm_card_visa")
    wait(standin, clock, 3 * DAY)
    assert shop.v1.invoices.retrieve(ident).attempt_count == 2
    assert shop.v1.subscriptions.retrieve(subscription).status == "active"


def test_what_is_finalised_without_auto_advance_is_left_alone(shop, standin, clock):
    shop.save_card()
    invoice = shop.final(700)
    wait(standin, clock, 30 * DAY)
    left = shop.v1.invoices.retrieve(invoice.id)
    assert (left.status, left.attempted, left.next_payment_attempt) == ("open", False, None)
    shop.v1.invoices.update(invoice.id, {"auto_advance": True})
    standin.run_due()
    assert shop.v1.invoices.retrieve(invoice.id).status == "paid"


def test_auto_advance_stops_and_continues_the_retries_of_an_open_invoice(shop, standin, clock):
    shop.save_card("pm_card_chargeCustomerFail")
    invoice = shop.final(700, auto_advance=True)
    first = invoice.next_payment_attempt
    assert shop.v1.invoices.update(invoice.id, {"auto_advance": False}).next_payment_attempt is None
    assert shop.v1.invoices.update(invoice.id, {"auto_advance": True}).next_payment_attempt == first
    shop.v1.invoices.update(invoice.id, {"auto_advance": False})
    wait(standin, clock, 4 * DAY)
    assert shop.v1.invoices.retrieve(invoice.id).attempt_count == 1
    shop.v1.invoices.update(invoice.id, {"auto_advance": True})
    standin.run_due()
    assert shop.v1.invoices.retrieve(invoice.id).attempt_count == 2


def test_a_failed_payment_of_an_invoice_that_nobody_collects_is_not_retried(shop, standin, clock):
    card = shop.save_card("pm_card_chargeCustomerFail")
    invoice = shop.final(700)
    assert refused(lambda: shop.v1.invoices.pay(invoice.id, {"payment_method": card}))["status"] == 402
    wait(standin, clock, 30 * DAY)
    left = shop.v1.invoices.retrieve(invoice.id)
    assert (left.status, left.attempt_count, left.next_payment_attempt) == ("open", 1, None)


def test_an_invoice_sent_to_the_customer_is_due_and_never_charged(shop, standin, clock):
    shop.save_card()
    sent = {"collection_method": "send_invoice"}
    error = refused(lambda: shop.draft(**sent))
    assert "due_date" in error["message"]
    assert "send_invoice" in refused(lambda: shop.draft(days_until_due=30))["message"]
    invoice = shop.draft(700, **sent, days_until_due=30)
    final = shop.v1.invoices.finalize_invoice(invoice.id, {"auto_advance": True})
    assert (final.status, final.due_date, final.next_payment_attempt) == ("open", invoice.created + 30 * DAY, None)


def test_a_manual_invoice_carries_what_it_was_given_and_no_pending_item(shop, standin):
    shop.item(900)
    fields = [{"name": "PO number", "value": "4711"}]
    texts = {"description": "Usage in March", "footer": "Thank you"}
    invoice = shop.draft(700, pending_invoice_items_behavior="exclude", custom_fields=fields, **texts)
    found = shop.v1.invoices.update(invoice.id, {"metadata": {"close": "7"}})
    assert (found.total, found.auto_advance, found.footer, found.description) == (
        700,
        False,
        "Thank you",
        "Usage in March",
    )
    assert [(field.name, field.value) for field in found.custom_fields or []] == [("PO number", "4711")]
    assert [row.amount for row in shop.v1.invoice_items.list({"pending": True}).data] == [900]


def test_an_invoice_for_a_subscription_takes_that_subscriptions_pending_items(shop, standin):
    subscription = shop.subscribe()
    shop.item(900)
    shop.item(300, subscription=subscription.id)
    invoice = shop.draft(subscription=subscription.id, pending_invoice_items_behavior="include")
    assert (invoice.total, invoice.parent.subscription_details.subscription) == (300, subscription.id)


def test_items_change_only_on_a_draft(shop, standin):
    invoice = shop.draft(700)
    [item] = shop.v1.invoice_items.list({"invoice": invoice.id}).data
    changed = shop.v1.invoice_items.update(
        item.id, {"amount": -100, "period": {"start": 1, "end": 2}, "tax_behavior": "exclusive", "tax_code": "txcd_1"}
    )
    assert (changed.amount, changed.period.start) == (-100, 1)
    other = shop.item(400, invoice.id)
    shop.v1.invoices.finalize_invoice(invoice.id)
    for call in (
        lambda: shop.item(1, invoice.id),
        lambda: shop.v1.invoice_items.update(other.id, {"amount": 500}),
        lambda: shop.v1.invoice_items.delete(other.id),
    ):
        error = refused(call)
        assert (error["status"], error["code"], error["param"]) == (400, "invoice_not_editable", "invoice")


def test_an_item_goes_on_its_own_customers_invoice_only(shop, standin):
    invoice = shop.draft()
    other = shop.v1.customers.create({}).id
    assert refused(lambda: shop.item(1, invoice.id, customer=other))["param"] == "invoice"


def test_what_a_status_does_not_allow_is_refused_in_stripes_words(shop, standin):
    v1 = shop.v1.invoices
    draft, opened, paid = shop.draft(700).id, shop.final(700).id, shop.final(0).id
    void, lost = shop.final(700).id, shop.final(700).id
    v1.void_invoice(void)
    v1.mark_uncollectible(lost)
    not_open = "You can only pass in open invoices. This invoice isn't open."
    for call, said in [
        (lambda: v1.finalize_invoice(opened), "already finalized, you can't re-finalize"),
        (lambda: v1.void_invoice(draft), not_open),
        (lambda: v1.void_invoice(void), not_open),
        (lambda: v1.void_invoice(paid), "Invoices with `paid` payments cannot be voided."),
        (lambda: v1.mark_uncollectible(paid), not_open),
        (lambda: v1.mark_uncollectible(lost), "already been marked uncollectible"),
        (lambda: v1.delete(opened), "You can only delete draft invoices."),
        (lambda: v1.pay(paid), "Invoice is already paid"),
        (lambda: v1.pay(void), "can no longer be paid"),
    ]:
        error = refused(call)
        assert (error["status"], error["type"]) == (400, "invalid_request_error")
        assert said in error["message"]
    for ident, name, value in [
        (opened, "description", "x"), (opened, "discounts", ""), (paid, "auto_advance", True), (void, "footer", "x"),
    ]:  # fmt: skip
        error = refused(lambda: v1.update(ident, {name: value}))  # noqa: B023  # called at once
        assert (error["param"], "updated in this way" in error["message"]) == (name, True)
    assert v1.update(paid, {"metadata": {"a": "b"}}).metadata.to_dict() == {"a": "b"}
