"""Builds invoice lines for a subscription period, an invoice item or a prorated change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.standin.engine import proration, subscription_status
from sandbox.standin.engine.shapes import invoice_shape
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def product_name(world: World, price: Obj) -> str:
    """The product name shown on a line."""
    product = world.find(price["product"])
    return str(product.get("name") or product["id"]) if product else str(price["product"])


def build_pricing(price: Obj) -> Obj:
    """A line's reference to its price."""
    details = {"price": price["id"], "product": price["product"]}
    return {"price_details": details, "type": "price_details", "unit_amount_decimal": price["unit_amount_decimal"]}


def amount_of(item: Obj) -> int:
    """The price of a subscription item for a whole period, in minor units."""
    return int(item["price"]["unit_amount"] or 0) * int(item.get("quantity") or 1)


def build_item_line(world: World, invoice: Obj, item: Obj, period: tuple[int, int], *, trial: bool = False) -> Obj:
    """The line of a subscription item for one period; 0 while on trial."""
    name, price = product_name(world, item["price"]), item["price"]
    quantity = int(item.get("quantity") or 1)
    unit_price = proration.format_money(int(price["unit_amount"] or 0), price["currency"])
    description = (
        f"Free trial for {quantity} × {name}"
        if trial
        else (f"{quantity} × {name} (at {unit_price} / {price['recurring']['interval']})")
    )
    amount = 0 if trial else amount_of(item)
    more = {
        "description": description,
        "pricing": build_pricing(price),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
    }
    parent = subscription_parent(item, proration=False)
    ident = world.new_id("il")
    return invoice_shape.line(ident, invoice["id"], amount, price["currency"], period, parent=parent, **more)


def subscription_parent(item: Obj, *, proration: bool) -> Obj:
    """A line's reference to its subscription item."""
    details = {
        "invoice_item": None,
        "proration": proration,
        "proration_details": {"credited_items": None},
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return {"invoice_item_details": None, "subscription_item_details": details, "type": "subscription_item_details"}


def build_invoice_item_line(world: World, invoice: Obj, item: Obj) -> Obj:
    """The line of an invoice item."""
    subscription = subscription_status.subscription_id(item)
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": item.get("_credited_items")},
        "subscription": subscription,
    }
    names = ("description", "discountable", "discounts", "metadata", "pricing", "quantity")
    more = {name: item[name] for name in names}
    more |= {name: item[name] for name in ("_credits", "_tax_rates") if name in item}
    period = (item["period"]["start"], item["period"]["end"])
    parent = {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}
    ident = world.new_id("il")
    return invoice_shape.line(
        ident,
        invoice["id"],
        item["amount"],
        item["currency"],
        period,
        parent=parent,
        quantity_decimal=item["quantity_decimal"],
        subscription=subscription,
        **more,
    )


def build_proration_line(
    world: World, invoice: Obj, item: Obj, amount: int, period: tuple[int, int], **more: Any
) -> Obj:
    """A charge for the rest of a period, or below zero a credit of it; `amount` is net of discounts."""
    day = datetime.fromtimestamp(period[0], UTC).strftime("%d %b %Y")
    quantity = int(item.get("quantity") or 1)
    name = product_name(world, item["price"])
    fields = {
        "description": f"{'Unused' if amount < 0 else 'Remaining'} time on {_counted(quantity, name)} after {day}",
        "discountable": False,
        "parent": subscription_parent(item, proration=True),
        "pricing": build_pricing(item["price"]),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        **more,
    }
    return invoice_shape.line(world.new_id("il"), invoice["id"], amount, item["price"]["currency"], period, **fields)


def _counted(quantity: int, name: str) -> str:
    return name if quantity == 1 else f"{quantity} × {name}"
