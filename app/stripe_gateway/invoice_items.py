"""Items of a draft invoice: amounts that we rated, each under the id of our line."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.kit.periods import Period
from app.stripe_gateway import reading
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.money_shapes import LINE

SMALLEST = {
    "USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50,
    "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50,
    "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
}  # fmt: skip
"""What Stripe charges at least, in minor units. Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts"""
SMALLEST_ELSEWHERE = 50


@dataclass(frozen=True, slots=True)
class UsageItem:
    """A line to put on a draft: its id, amount in minor units, words, and the period that it bills."""

    line_id: UUID
    amount: int
    currency: str
    description: str
    period: Period


def smallest_charge(currency: str) -> int:
    """The smallest amount that an invoice can be charged for, in minor units."""
    return SMALLEST.get(currency, SMALLEST_ELSEWHERE)


def list_items(gw: Gateway, invoice_id: str) -> dict[UUID, str]:
    """List the items of ours on an invoice, by the id of their line."""
    found: dict[UUID, str] = {}
    for raw in gw.pages(lambda v1, page: v1.invoice_items.list(page), {"invoice": validate_id(invoice_id)}):
        line_id = reading.uuid_or_none(reading.inner_or_none(raw, "metadata"), LINE)
        if line_id is not None:
            found[line_id] = reading.text(raw, "id")
    return found


def add_item(gw: Gateway, customer_id: str, invoice_id: str, item: UsageItem, *, key: str) -> str:
    """Put an item on a draft; returns Stripe's id of it. Discounts don't apply to usage.

    Raises `StripeMisused` if the invoice is final.
    """
    raw = gw.post(
        key,
        lambda v1, options: v1.invoice_items.create(
            {
                "customer": validate_id(customer_id),
                "invoice": validate_id(invoice_id),
                "amount": reading.to_stripe(item.amount, item.currency),
                "currency": item.currency.lower(),
                "description": item.description,
                "period": {"start": int(item.period.start.timestamp()), "end": int(item.period.end.timestamp())},
                "discountable": False,
                "metadata": {LINE: str(item.line_id)},
            },
            options,
        ),
    )
    return reading.text(raw, "id")
