"""Changes a subscription's items: new prices or quantities, their proration, and when they are billed."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

from sandbox.standin.engine import proration, subscription_status
from sandbox.standin.engine.cards import declined
from sandbox.standin.engine.invoices import collection, drafts, life_cycle
from sandbox.standin.engine.invoices.lines import build_invoice_item_line, build_item_line, build_proration_line
from sandbox.standin.engine.shapes import invoice_shape, subscription_shape
from sandbox.standin.engine.subscriptions import pending_updates, renewals
from sandbox.standin.engine.subscriptions.start import require_same_terms
from sandbox.standin.errors import invalid, missing_param, not_found
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


@dataclass(frozen=True, slots=True)
class ItemChange:
    """The items before and after. `fresh`: a new period starts at `anchor`; `credits`: the old period is credited."""

    before: list[Obj]
    after: list[Obj]
    anchor: int
    moment: int
    fresh: bool
    credits: bool = True


def plan_change(
    world: World, subscription: Obj, rows: list[Obj], *, moment: int | None = None, reset: bool = False
) -> ItemChange:
    """Compute the effect of the parameter `items` at `moment` (default: now); 400 for an unknown item or price."""
    at = world.now() if moment is None else moment
    before = subscription["items"]["data"]
    after = {item["id"]: copy.deepcopy(item) for item in before}
    for index, row in enumerate(rows):
        _apply_row(world, subscription, after, row, f"items[{index}]")
    items = list(after.values())
    price = require_same_terms([item["price"] for item in items])
    if price["currency"] != subscription["currency"]:
        raise invalid("The price must have the subscription's currency.", param="items")
    fields = ("interval", "interval_count")
    interval_changed = any(price["recurring"][name] != before[0]["price"]["recurring"][name] for name in fields)
    fresh = reset or (interval_changed and subscription["status"] != "trialing")  # a trial keeps its end
    anchor = at if fresh else subscription["billing_cycle_anchor"]
    start, end = before[0]["current_period_start"], before[0]["current_period_end"]
    period = (at, proration.period_boundary(at, price["recurring"], 1)) if fresh else (start, end)
    for item in items:
        item["current_period_start"], item["current_period_end"] = period
    return ItemChange(before, items, anchor, at, fresh)


def build_lines(world: World, invoice: Obj, change: ItemChange) -> list[Obj]:
    """Build the credits for removed items and the charges for new ones."""
    remaining = {item["id"]: item for item in change.after}
    old = {item["id"]: item for item in change.before}
    credited = [
        item
        for item in change.before
        if change.fresh or item["id"] not in remaining or _is_different(item, remaining[item["id"]])
    ]
    if not change.credits:
        credited = []
    built = [build_proration_line(world, invoice, item, change.moment, credit=True) for item in credited]
    for item in change.after:
        if change.fresh:
            period = (item["current_period_start"], item["current_period_end"])
            built.append(build_item_line(world, invoice, item, period))
        elif item["id"] not in old or _is_different(old[item["id"]], item):
            built.append(build_proration_line(world, invoice, item, change.moment, credit=False))
    return built


def change_items(world: World, subscription: Obj, change: ItemChange, params: Obj) -> None:
    """Change the items and bill the difference as `proration_behavior` and `payment_behavior` say."""
    how = params.get("proration_behavior", "create_prorations")
    billed = billed_now(subscription, change, how)
    if billed is not None:
        _invoice_now(world, subscription, billed, params.get("payment_behavior", "allow_incomplete"))
        return
    if prorates(subscription, how):
        _add_pending_items(world, subscription, change)
    apply_change(world, subscription, change)


def billed_now(subscription: Obj, change: ItemChange, how: str) -> ItemChange | None:
    """The part of the change that gets its own invoice under `proration_behavior`; None if no part does."""
    if subscription["status"] == "trialing" or not (change.fresh or how == "always_invoice"):
        return None
    return replace(change, credits=how != "none")


def prorates(subscription: Obj, how: str) -> bool:
    """Whether the rest of the period is billed; on trial nothing was paid, so nothing is credited."""
    return how != "none" and subscription["status"] != "trialing"


def apply_change(world: World, subscription: Obj, change: ItemChange) -> None:
    """Put the change into effect."""
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["items"]["data"] = change.after
        subscription["items"]["total_count"] = len(change.after)
        subscription["billing_cycle_anchor"] = change.anchor
        subscription["pending_update"] = None
        subscription.pop("_pending", None)
    if change.fresh:
        subscription_status.schedule_renewal(world, subscription)


def build_invoice(world: World, subscription: Obj, change: ItemChange) -> Obj:
    """Build the draft that bills the change at once; not yet in the world."""
    invoice = drafts.build_subscription_draft(world, subscription, "subscription_update")
    invoice["parent"]["subscription_details"]["subscription_proration_date"] = change.moment
    waiting = renewals.waiting_items(world, subscription)
    invoice["lines"]["data"] = [build_invoice_item_line(world, invoice, item) for item in waiting]
    invoice["lines"]["data"] += build_lines(world, invoice, change)
    return invoice


def _invoice_now(world: World, subscription: Obj, change: ItemChange, behavior: str) -> None:
    invoice = build_invoice(world, subscription, change)
    renewals.assign_waiting_items(world, subscription, invoice)
    if behavior != "pending_if_incomplete":
        apply_change(world, subscription, change)
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["latest_invoice"] = invoice["id"]
        if behavior == "pending_if_incomplete":
            subscription["_pending"] = {"invoice": invoice["id"], "items": change.after, "anchor": change.anchor}
    drafts.publish(world, invoice)
    life_cycle.finalize(world, invoice)
    if invoice["status"] == "open":
        verdict = collection.pay(world, invoice)
        if verdict.refusal is not None and behavior == "error_if_incomplete":
            raise declined(verdict.refusal, keep=False)
    if "_pending" in subscription:
        pending_updates.hold_change(world, subscription, change.after, change.anchor if change.fresh else None)


def _add_pending_items(world: World, subscription: Obj, change: ItemChange) -> None:
    """Record the difference as invoice items for the next invoice."""
    for line in build_lines(world, {"id": None}, change):
        ident = line["parent"]["subscription_item_details"]["subscription_item"]
        details = {"subscription": subscription["id"], "subscription_item": ident}
        names = ("description", "discountable", "period", "pricing", "quantity", "quantity_decimal")
        item = invoice_shape.invoice_item(
            world.new_id("ii"),
            world.now(),
            customer=subscription["customer"],
            amount=line["amount"],
            currency=line["currency"],
            proration=True,
            parent={"subscription_details": details, "type": "subscription_details"},
            **{name: line[name] for name in names},
        )
        world.emit("invoiceitem.created", world.add(item))


def _apply_row(world: World, subscription: Obj, after: dict[str, Obj], row: Obj, path: str) -> None:
    price = world.get("price", row["price"], f"{path}[price]") if row.get("price") else None
    if "id" not in row:
        if price is None:
            raise missing_param(f"{path}[price]")
        fresh = subscription_shape.item(
            world.new_id("si"), world.now(), subscription["id"], price, row.get("quantity", 1), period=(0, 0)
        )
        after[fresh["id"]] = fresh
        return
    if row["id"] not in after:
        raise not_found("subscription_item", row["id"], f"{path}[id]", 400)
    if row.get("deleted"):
        del after[row["id"]]
        return
    item = after[row["id"]]
    if price is not None:
        item.update(price=price, plan=subscription_shape.plan(price))
    item["quantity"] = row.get("quantity", item.get("quantity", 1))


def _is_different(first: Obj, second: Obj) -> bool:
    return bool(first["price"]["id"] != second["price"]["id"] or first.get("quantity") != second.get("quantity"))


def get_item_with_subscription(world: World, ident: str) -> tuple[Obj, Obj]:
    """Get a subscription item and its subscription by the item's id; raises 404."""
    for subscription in world.all("subscription"):
        for item in subscription["items"]["data"]:
            if item["id"] == ident:
                return item, subscription
    raise not_found("subscription_item", ident)
