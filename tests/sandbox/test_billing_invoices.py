from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import stripe

from tests.sandbox.billing import Shop
from tests.standin import StandIn


@pytest.fixture
def shop(standin: StandIn) -> Shop:
    return Shop(standin)


def item(shop: Shop, **more: Any) -> stripe.InvoiceItem:
    params: Any = {"customer": shop.customer, "currency": "usd", "description": "Extra", **more}
    return shop.v1.invoice_items.create(params)


def test_a_manual_invoice_is_drafted_filled_finalised_and_paid(shop, standin):
    item(shop, amount=700)
    invoice = shop.v1.invoices.create({"customer": shop.customer, "pending_invoice_items_behavior": "include"})
    late = item(shop, amount=300, invoice=invoice.id)
    dropped = item(shop, amount=5, invoice=invoice.id)
    shop.v1.invoice_items.update(late.id, {"amount": 400})
    shop.v1.invoice_items.delete(dropped.id)
    draft = shop.v1.invoices.retrieve(invoice.id)
    assert (draft.status, draft.total, draft.billing_reason) == ("draft", 1100, "manual")
    assert sum(line.amount for line in shop.v1.invoices.line_items.list(invoice.id).data) == 1100
    card = shop.v1.payment_methods.attach("pm_card_visa", {"customer": shop.customer}).id
    done = shop.v1.invoices.finalize_invoice(invoice.id)
    assert (done.status, done.amount_due) == ("open", 1100)
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
        item(shop, amount=1, invoice=invoice.id)
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
        shop.v1.invoices.pay(invoice.id)
    assert shop.v1.invoices.pay(invoice.id, {"payment_method": card}).status == "paid"
    assert shop.v1.invoice_items.retrieve(late.id).invoice == invoice.id


def test_a_draft_without_auto_advance_stays_one_and_can_be_deleted(shop, standin, clock):
    item(shop, amount=700)
    invoice = shop.v1.invoices.create({"customer": shop.customer, "auto_advance": False})
    clock.advance(timedelta(hours=2))
    standin.run_due()
    assert shop.v1.invoices.retrieve(invoice.id).status == "draft"
    assert shop.v1.invoices.delete(invoice.id).deleted
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
        shop.v1.invoices.retrieve(invoice.id)


def opened(shop: Shop, amount: int = 700) -> stripe.Invoice:
    invoice = shop.v1.invoices.create({"customer": shop.customer, "auto_advance": False})
    item(shop, amount=amount, invoice=invoice.id)
    return shop.v1.invoices.finalize_invoice(invoice.id)


def test_void_ends_the_invoice_and_its_payment(shop, standin):
    invoice = opened(shop)
    intent = shop.v1.invoice_payments.list({"invoice": invoice.id}).data[0].payment.payment_intent
    assert shop.v1.invoices.void_invoice(invoice.id).status == "void"
    assert shop.v1.payment_intents.retrieve(intent).status == "canceled"
    assert shop.types()[-1] == "invoice.voided"
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
        shop.v1.invoices.void_invoice(invoice.id)


def test_a_written_off_invoice_can_still_be_paid(shop, standin):
    invoice = opened(shop)
    assert shop.v1.invoices.mark_uncollectible(invoice.id).status == "uncollectible"
    card = shop.v1.payment_methods.attach("pm_card_visa", {"customer": shop.customer}).id
    assert shop.v1.invoices.pay(invoice.id, {"payment_method": card}).status == "paid"


def test_an_invoice_paid_elsewhere_has_no_payment(shop, standin):
    paid = shop.v1.invoices.pay(opened(shop).id, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_paid) == ("paid", 0)
    assert not standin.objects("charge")


def test_3d_secure_asked_for_by_the_api_ends_on_the_hosted_page(shop, standin):
    invoice = opened(shop)
    card = shop.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": shop.customer}).id
    with pytest.raises(stripe.CardError) as refused:
        shop.v1.invoices.pay(invoice.id, {"payment_method": card, "off_session": False})
    assert refused.value.code == "invoice_payment_intent_requires_action"
    assert shop.types()[-1] == "invoice.payment_action_required"
    standin.pay(invoice.hosted_invoice_url)
    assert shop.v1.invoices.retrieve(invoice.id).status == "paid"


def test_credit_makes_the_next_invoice_smaller(shop, standin):
    credit = opened(shop, -500)
    assert (credit.status, credit.amount_due, credit.ending_balance) == ("paid", 0, -500)
    assert shop.v1.customers.retrieve(shop.customer).balance == -500
    invoice = opened(shop)
    assert (invoice.starting_balance, invoice.amount_due, invoice.ending_balance) == (-500, 200, 0)
    assert shop.v1.customers.retrieve(shop.customer).balance == 0


def test_a_deleted_customers_invoice_is_not_tried_again(shop, standin, clock):
    card = shop.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": shop.customer}).id
    shop.v1.customers.update(shop.customer, {"invoice_settings": {"default_payment_method": card}})
    invoice = shop.v1.invoices.create({"customer": shop.customer, "auto_advance": True})
    item(shop, amount=700, invoice=invoice.id)
    clock.advance(timedelta(hours=1))
    standin.run_due()
    assert shop.v1.invoices.retrieve(invoice.id).next_payment_attempt
    shop.v1.customers.delete(shop.customer)
    clock.advance(timedelta(days=10))
    standin.run_due()
    left = shop.v1.invoices.retrieve(invoice.id)
    assert (left.status, left.attempt_count, left.next_payment_attempt) == ("open", 1, None)


def test_invoices_are_listed_by_customer_status_and_instant(shop, standin, clock):
    subscription = shop.subscribe()
    clock.advance(timedelta(seconds=10))
    other = opened(shop)

    def ids(**params: Any) -> list[str]:
        return [found.id for found in shop.v1.invoices.list(params).data]  # type: ignore[arg-type]

    assert ids(customer=shop.customer) == [other.id, subscription.latest_invoice]
    assert ids(status="open") == [other.id]
    assert ids(subscription=subscription.id) == [subscription.latest_invoice]
    assert ids(created={"gte": other.created}) == [other.id]


def test_an_items_price_comes_from_the_catalogue_or_a_decimal_rounded_once(shop, standin):
    once = shop.make_price(250, None)
    assert item(shop, pricing={"price": once}, quantity=3).amount == 750
    exact = item(shop, unit_amount_decimal="0.333", quantity=100)
    assert (exact.amount, exact.pricing.unit_amount_decimal) == (33, Decimal("0.333"))
    with standin.unchecked(), pytest.raises(stripe.InvalidRequestError):
        item(shop)
