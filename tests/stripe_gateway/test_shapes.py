"""Reading Stripe's objects: strict about where things stand since basil, and every type is what it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.stripe_gateway import money_shapes, shapes
from app.stripe_gateway.errors import StripeMisread
from app.stripe_gateway.types import RemoteFee
from tests.stripe_gateway import raw

START = datetime.fromtimestamp(1_760_000_000, UTC)
END = datetime.fromtimestamp(1_762_678_400, UTC)


def test_a_subscriptions_period_is_that_of_its_item() -> None:
    found = shapes.parse_subscription(raw.subscription(current_period_end=1, current_period_start=1))
    assert (found.period_start, found.period_end) == (START, END)
    assert (found.item_id, found.price_id, found.latest_invoice_id) == ("si_1", "price_1", "in_1")
    assert (found.org_id, found.checkout_id) == (UUID(raw.ORG), UUID(raw.CHECKOUT))
    assert found.card
    assert (found.card.brand, found.card.last4) == ("visa", "4242")


def test_what_a_subscription_costs_is_the_fixed_prices_of_all_its_items() -> None:
    """Fractions of a cent are kept; what Stripe meters, and tiers, which have no one price, are no fee."""
    period = {"id": "si_1", "current_period_start": 1_760_000_000, "current_period_end": 1_762_678_400}
    prices = [raw.price(), raw.price("0.125", "year", 2), raw.price(usage_type="metered"), raw.price(None)]
    items = [{**period, "price": price, "quantity": number} for number, price in enumerate(prices, start=1)]
    found = shapes.parse_subscription({**raw.subscription(), "items": {"object": "list", "data": items}})
    assert found.fees == (
        RemoteFee(Decimal(4900), "month", 1, 1),
        RemoteFee(Decimal("0.125"), "year", 2, 2),
    )


def test_an_invoice_is_of_the_subscription_of_its_parent() -> None:
    found = money_shapes.parse_invoice(raw.invoice())
    assert (found.subscription_id, found.checkout_id, found.payment_intent_id) == ("sub_1", UUID(raw.CHECKOUT), "pi_1")
    assert (found.currency, found.total, found.tax) == ("USD", 4900, 780)
    assert (found.period_start, found.period_end) == (START, END), "the line's, not the invoice's own"
    assert found.paid_at == datetime.fromtimestamp(1_760_000_001, UTC)


def test_an_invoice_without_a_subscription_has_its_own_period() -> None:
    quoted = {"type": "quote_details", "quote_details": {}, "subscription_details": None}
    for parent in (None, quoted):
        found = money_shapes.parse_invoice(
            raw.invoice(parent=parent, lines={"data": [], "has_more": False}, period_end=1_762_678_400)
        )
        assert (found.subscription_id, found.checkout_id) == (None, None)
        assert (found.period_start, found.period_end) == (START, END)


def test_the_lines_of_a_change_do_not_say_the_period() -> None:
    lines = {"has_more": False, "data": [raw.line(1, 2, proration=True), raw.line(1_760_000_000, 1_762_678_400)]}
    assert money_shapes.parse_invoice(raw.invoice(lines=lines)).period_end == END


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        ([], None),
        ([raw.payment("pi_1", "open", default=True)], "pi_1"),
        ([raw.payment("pi_1", "open", default=True), raw.payment("pi_2", "paid", default=False)], "pi_2"),
        ([raw.payment("pi_1", "canceled", default=False)], None),
    ],
)
def test_the_payment_of_an_invoice_is_the_one_that_paid_else_the_one_that_will(
    payments: list[dict[str, Any]], expected: str | None
) -> None:
    assert money_shapes.parse_invoice(raw.invoice(payments={"data": payments})).payment_intent_id == expected


def test_no_taxes_are_zero() -> None:
    for none in (None, []):
        assert money_shapes.parse_invoice(raw.invoice(total_taxes=none)).tax == 0


def test_a_deleted_customer_is_read_as_such() -> None:
    found = shapes.parse_customer({"id": "cus_1", "object": "customer", "deleted": True})
    assert found.deleted
    assert found.created_at is None


def test_a_customer_has_the_card_of_its_invoices() -> None:
    found = shapes.parse_customer(raw.customer())
    assert found.card
    assert (found.card.id, found.card.exp_month, found.card.exp_year, found.org_id) == (
        "pm_1",
        12,
        2034,
        UUID(raw.ORG),
    )
    assert shapes.parse_customer(raw.customer(invoice_settings={"default_payment_method": None})).card is None


def test_what_is_no_card_has_its_kind_as_brand() -> None:
    method = {"object": "payment_method", "created": 1_760_000_000}
    debit = shapes.parse_card({**method, "id": "pm_2", "type": "sepa_debit", "sepa_debit": {"last4": "3000"}})
    link = shapes.parse_card({**method, "id": "pm_3", "type": "link", "link": {}})
    assert (debit.brand, debit.last4, debit.exp_year) == ("sepa_debit", "3000", None)
    assert (link.brand, link.last4) == ("link", None)


@pytest.mark.parametrize("mark", [None, "", "x", 7, "0193a1f0"])
def test_metadata_that_somebody_changed_is_none_of_ours(mark: object) -> None:
    assert shapes.parse_customer(raw.customer(metadata={"tollkeeper_org": mark})).org_id is None


def test_a_failed_payment_tells_the_card_and_the_banks_reason() -> None:
    failure = {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
        "payment_method": raw.CARD,
    }
    found = money_shapes.parse_intent(
        {
            "id": "pi_1",
            "object": "payment_intent",
            "status": "requires_payment_method",
            "amount": 4900,
            "currency": "jpy",
            "customer": "cus_1",
            "payment_method": None,
            "last_payment_error": failure,
        }
    )
    assert (found.failure_code, found.failure) == ("insufficient_funds", "Your card has insufficient funds.")
    assert found.card
    assert (found.card.last4, found.currency) == ("4242", "JPY")


Read = Callable[[dict[str, Any]], object]
OLD_ITEM = {"id": "si_1", "price": {"id": "price_1"}}


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (
            shapes.parse_subscription,
            raw.subscription(items={"data": [OLD_ITEM]}, current_period_end=1),
        ),
        (shapes.parse_subscription, raw.subscription(items={"data": []})),
        (shapes.parse_subscription, raw.subscription(default_payment_method="pm_1")),
        (shapes.parse_subscription, raw.subscription(customer=None)),
        (shapes.parse_subscription, raw.subscription(cancel_at_period_end=None)),
        (shapes.parse_subscription, raw.customer()),
        (shapes.parse_customer, raw.customer(invoice_settings={"default_payment_method": "pm_1"})),
        (shapes.parse_customer, raw.customer(created=True)),
        (shapes.parse_customer, raw.without(raw.customer(), "email")),
        (money_shapes.parse_invoice, raw.without(raw.invoice(subscription="sub_1", payment_intent="pi_1"), "parent")),
        (money_shapes.parse_invoice, raw.without(raw.invoice(), "payments")),
        (money_shapes.parse_invoice, raw.without(raw.invoice(), "total_taxes")),
        (money_shapes.parse_invoice, raw.invoice(total=49.5)),
        (money_shapes.parse_invoice, raw.invoice(total="4900")),
        (money_shapes.parse_invoice, raw.invoice(total_taxes=[7])),
        (money_shapes.parse_invoice, raw.invoice(lines={"data": {}})),
        (shapes.parse_card, {"id": "pm_1", "object": "payment_method", "type": "card", "card": None}),
    ],
)
def test_another_shape_is_misread_and_never_taken_for_an_empty_field(read: Read, answer: dict[str, Any]) -> None:
    with pytest.raises(StripeMisread):
        read(answer)


def test_the_lines_of_an_invoice_are_read_where_it_has_all_of_them() -> None:
    ours = "0199c2f0-0000-7000-8000-000000000000"
    rows = [raw.line(1_760_000_000, 1_762_678_400), raw.line(1, 2) | {"metadata": {"tollkeeper_line": ours}}]
    lists = {"object": "list", "data": rows, "has_more": False}
    found = money_shapes.parse_invoice(raw.invoice(lines=lists)).lines
    assert found is not None
    assert [(line.description, line.amount, str(line.own_id)) for line in found] == [
        ("1 × Pro", 4900, "None"), ("1 × Pro", 4900, ours),
    ]  # fmt: skip
    assert money_shapes.parse_invoice(raw.invoice(lines=lists | {"has_more": True})).lines is None
