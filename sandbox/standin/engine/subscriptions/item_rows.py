"""The parameter `items` of a subscription and its previews: which items it leaves, and finding an item by its id."""

from __future__ import annotations

import copy

from sandbox.standin.engine.shapes import subscription_shape
from sandbox.standin.engine.subscriptions.start import require_same_terms
from sandbox.standin.errors import invalid, missing_param, not_found
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def changed_items(world: World, subscription: Obj, rows: list[Obj]) -> list[Obj]:
    """The items after the change; raises 400 for an unknown item or price, or another currency."""
    after = {item["id"]: copy.deepcopy(item) for item in subscription["items"]["data"]}
    for index, row in enumerate(rows):
        _apply_row(world, subscription, after, row, f"items[{index}]")
    items = list(after.values())
    price = require_same_terms([item["price"] for item in items])
    if price["currency"] != subscription["currency"]:
        raise invalid("The price must have the subscription's currency.", param="items")
    return items


def new_item(world: World, subscription: Obj, price: Obj, quantity: int) -> Obj:
    """An item that has no period yet."""
    ident = world.new_id("si")
    return subscription_shape.item(ident, world.now(), subscription["id"], price, quantity, period=(0, 0))


def is_other_interval(first: Obj, second: Obj) -> bool:
    """Whether two prices recur differently."""
    fields = ("interval", "interval_count")
    return any(first["recurring"][name] != second["recurring"][name] for name in fields)


def get_item_with_subscription(world: World, ident: str) -> tuple[Obj, Obj]:
    """Get a subscription item and its subscription by the item's id; raises 404."""
    for subscription in world.all("subscription"):
        for item in subscription["items"]["data"]:
            if item["id"] == ident:
                return item, subscription
    raise not_found("subscription_item", ident)


def _apply_row(world: World, subscription: Obj, after: dict[str, Obj], row: Obj, path: str) -> None:
    """Change, remove or add one item. A new price without a quantity is for one.

    Source: https://docs.stripe.com/billing/subscriptions/change-price#update-the-subscription.
    """
    price = world.get("price", row["price"], f"{path}[price]") if row.get("price") else None
    if "id" not in row:
        if price is None:
            raise missing_param(f"{path}[price]")
        fresh = new_item(world, subscription, price, row.get("quantity", 1))
        after[fresh["id"]] = fresh
        return
    if row["id"] not in after:
        raise not_found("subscription_item", row["id"], f"{path}[id]", 400)
    if row.get("deleted"):
        del after[row["id"]]
        return
    item = after[row["id"]]
    if price is not None and price["id"] != item["price"]["id"]:
        item.update(price=price, plan=subscription_shape.plan(price), quantity=1)
    item["quantity"] = row.get("quantity", item.get("quantity", 1))
