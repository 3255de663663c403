"""Discounts: coupons and promotion codes as they are redeemed by subscriptions, invoices and invoice items."""

from __future__ import annotations

from typing import Any

from sandbox.standin.engine import proration
from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def find_coupon(world: World, discount: Obj) -> Obj | None:
    """Find the coupon of a discount."""
    ident = discount["source"]["coupon"]
    return world.find(ident) if ident else None


def new_discount(world: World, coupon: Obj, *, customer: str | None, code: str | None, **more: Any) -> Obj:
    """Create a discount from a coupon, starting now. `more`: subscription, invoice, invoice_item, checkout_session."""
    now = world.now()
    end = None
    if coupon["duration"] == "repeating":
        end = proration.period_boundary(now, {"interval": "month", "interval_count": coupon["duration_in_months"]}, 1)
    return world.add(
        {
            "id": world.new_id("di"),
            "object": "discount",
            "checkout_session": None,
            "customer": customer,
            "customer_account": None,
            "end": end,
            "invoice": None,
            "invoice_item": None,
            "promotion_code": code,
            "source": {"coupon": coupon["id"], "type": "coupon"},
            "start": now,
            "subscription": None,
            "subscription_item": None,
            **more,
        }
    )


def in_force(world: World, idents: list[str], moment: int) -> list[str]:
    """The discounts of a subscription that count at this moment."""
    ends = {ident: world.get("discount", ident)["end"] for ident in idents}
    return [ident for ident, end in ends.items() if end is None or end > moment]


def redeem(world: World, rows: list[Obj], customer: str, currency: str, **owner: Any) -> list[str]:
    """Create the discounts of the parameter `discounts`; return their ids. An existing `discount` is used again.

    Raises 400 for an amount off in another currency.
    """
    found = []
    for row in rows:
        if row.get("discount"):
            found.append(world.get("discount", row["discount"], "discounts")["id"])
            continue
        code = world.get("promotion_code", row["promotion_code"], "discounts") if row.get("promotion_code") else None
        coupon = world.get("coupon", code["promotion"]["coupon"] if code else row.get("coupon", ""), "discounts")
        if coupon["currency"] not in {None, currency}:
            raise invalid(f"The coupon's currency is {coupon['currency']}, not {currency}.", param="discounts")
        found.append(new_discount(world, coupon, customer=customer, code=code["id"] if code else None, **owner)["id"])
    return found
