"""Changes of a subscription's price: what one would cost at an instant, and doing it once it is paid.

Preview and change name the same instant (`proration_date`), so that they come to the same amount. The change waits for
its payment: https://docs.stripe.com/billing/subscriptions/pending-updates
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stripe.params import InvoiceCreatePreviewParams, SubscriptionUpdateParams
from stripe.params._invoice_create_preview_params import InvoiceCreatePreviewParamsSubscriptionDetails as Details

from app.stripe_gateway import reading
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.invoice_types import ChangePreview, RemoteLine
from app.stripe_gateway.money_shapes import parse_line
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import parse_subscription
from app.stripe_gateway.types import RemoteSubscription

_EXPANDED = ["default_payment_method", "discounts.source.coupon"]


@dataclass(frozen=True, slots=True)
class ItemSwap:
    """Another price on a subscription's item, at an instant of its running period.

    `restarts`: a whole new period begins with it, which Stripe does not do of itself when the interval is another:
    https://docs.stripe.com/billing/subscriptions/billing-mode/compare
    """

    subscription_id: str
    item_id: str
    price_id: str
    at: datetime
    restarts: bool = False


def preview_change(gw: Gateway, swap: ItemSwap) -> ChangePreview:
    """Preview the invoice of a change at once: credits for what is unused, and what is charged."""
    return _preview(gw, swap, {"proration_behavior": "always_invoice", "proration_date": int(swap.at.timestamp())})


def preview_after(gw: Gateway, swap: ItemSwap) -> ChangePreview:
    """Preview the first invoice without anything prorated: the next one at the same interval, else the whole period."""
    return _preview(gw, swap, {"proration_behavior": "none"})


def change_price(gw: Gateway, swap: ItemSwap, *, key: str) -> RemoteSubscription:
    """Change the price and charge the difference now; unpaid, the change waits as the subscription's pending update.

    Raises `StripeMisused` (no such price any more, another update pending).
    """
    params: SubscriptionUpdateParams = {
        "items": [{"id": validate_id(swap.item_id), "price": validate_id(swap.price_id)}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
        "proration_date": int(swap.at.timestamp()),
        "expand": _EXPANDED,
    }
    if swap.restarts:
        params["billing_cycle_anchor"] = {"type": "now"}
    subscription_id = validate_id(swap.subscription_id)
    return parse_subscription(
        gw.post(key, lambda v1, options: v1.subscriptions.update(subscription_id, params, options))
    )


def _preview(gw: Gateway, swap: ItemSwap, how: Details) -> ChangePreview:
    details: Details = {
        "items": [{"id": validate_id(swap.item_id), "price": validate_id(swap.price_id)}],
        **how,
    }
    if swap.restarts:
        details["billing_cycle_anchor"] = {"type": "now"}
    params: InvoiceCreatePreviewParams = {
        "subscription": validate_id(swap.subscription_id), "subscription_details": details,
    }  # fmt: skip
    return _parse_preview(gw.get(lambda v1: v1.invoices.create_preview(params)))


def _parse_preview(raw: Raw) -> ChangePreview:
    reading.ensure_kind(raw, "invoice")
    code = reading.currency(raw)
    return ChangePreview(
        lines=_parse_lines(raw),
        currency=code,
        discount=_sum(raw, "total_discount_amounts", code),
        tax=reading.added_tax(raw, "total_taxes"),
        total=reading.amount(raw, "total"),
        starting_balance=reading.amount(raw, "starting_balance"),
        amount_due=reading.amount(raw, "amount_due"),
    )


def _parse_lines(raw: Raw) -> tuple[RemoteLine, ...]:
    """The lines that came with the preview; it has at most a few, and no address to read more from."""
    lines = reading.inner(raw, "lines")
    if reading.flag(lines, "has_more"):
        raise reading.misread("a preview with more lines than it lists")
    return tuple(parse_line(line) for line in reading.items(lines))


def _sum(raw: Raw, name: str, code: str) -> int:
    return reading.from_stripe(sum(reading.whole(each, "amount") for each in reading.objects(raw, name)), code)
