"""Coupons on invoices and on their items."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.billing import Shop, refused
from tests.standin import StandIn


@pytest.fixture
def shop(standin: StandIn) -> Shop:
    return Shop(standin)


def coupon(shop: Shop, **more: Any) -> str:
    return shop.v1.coupons.create({"duration": "forever", **more}).id  # type: ignore[typeddict-item]


def parts(line: stripe.InvoiceLineItem) -> list[int]:
    return [part.amount for part in line.discount_amounts or []]


@pytest.mark.parametrize(
    ("terms", "off", "lines"),
    [
        ({"percent_off": 25}, 250, [[75], [], [175]]),
        ({"amount_off": 500, "currency": "usd"}, 500, [[150], [], [350]]),
        ({"amount_off": 5000, "currency": "usd"}, 1000, [[300], [], [700]]),
    ],
)
def test_a_coupon_takes_from_discountable_lines_only(shop, standin, terms, off, lines):
    invoice = shop.draft(700, discounts=[{"coupon": coupon(shop, **terms)}])
    shop.item(400, invoice.id, discountable=False)
    shop.item(300, invoice.id)
    found = shop.v1.invoices.finalize_invoice(invoice.id)
    assert (found.subtotal, found.total) == (1400, 1400 - off)
    assert [part.amount for part in found.total_discount_amounts or []] == [off]
    assert [parts(line) for line in found.lines.data] == lines


def test_a_subscriptions_coupon_leaves_usage_on_its_renewal_alone(shop, standin, clock):
    subscription = shop.subscribe(discounts=[{"coupon": coupon(shop, percent_off=50)}])
    end = subscription["items"].data[0].current_period_end
    clock.advance(timedelta(seconds=end - int(clock.now().timestamp())))
    standin.run_due()
    [draft] = standin.objects("invoice", status="draft")
    shop.item(600, draft["id"], discountable=False, subscription=subscription.id)
    found = shop.v1.invoices.retrieve(draft["id"])
    assert (found.subtotal, found.total) == (2500, 1550)
    assert {line.amount: line.discountable for line in found.lines.data} == {600: False, 1900: True}


def test_an_items_own_discount_comes_before_the_invoices(shop, standin):
    invoice = shop.draft(1000, discounts=[{"coupon": coupon(shop, percent_off=10)}])
    shop.item(500, invoice.id, discounts=[{"coupon": coupon(shop, amount_off=200, currency="usd")}])
    found = shop.v1.invoices.retrieve(invoice.id)
    assert (found.subtotal, found.total) == (1300, 1170)
    assert [part.amount for part in found.total_discount_amounts or []] == [200, 130]
    assert [parts(line) for line in found.lines.data] == [[200, 30], [100]]


def test_discounts_are_taken_off_a_draft_again(shop, standin):
    invoice = shop.draft(1000, discounts=[{"coupon": coupon(shop, percent_off=10)}])
    assert shop.v1.invoices.retrieve(invoice.id).total == 900
    cleared = shop.v1.invoices.update(invoice.id, {"discounts": ""})
    assert (cleared.total, cleared.discounts, cleared.total_discount_amounts) == (1000, [], [])


def test_a_negative_item_is_not_discounted(shop, standin):
    invoice = shop.draft(1000, -200, discounts=[{"coupon": coupon(shop, percent_off=10)}])
    found = shop.v1.invoices.retrieve(invoice.id)
    assert (found.total, [line.discountable for line in found.lines.data]) == (700, [False, True])


def test_an_amount_off_in_another_currency_is_refused(shop, standin):
    foreign = coupon(shop, amount_off=100, currency="eur")
    assert refused(lambda: shop.draft(discounts=[{"coupon": foreign}]))["param"] == "discounts"
