"""Starts a subscription: its items, first period and first invoice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.standin.engine import proration, subscription_status
from sandbox.standin.engine.invoices import drafts, life_cycle
from sandbox.standin.engine.invoices.lines import build_item_line
from sandbox.standin.engine.shapes import subscription_shape
from sandbox.standin.engine.subscriptions import trials
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

INCOMPLETE_FOR = 23 * 3600
Row = tuple[Obj, int]


def build_subscription(
    world: World, customer: Obj, rows: Sequence[Row], *, trial_end: int | None = None, **more: Any
) -> Obj:
    """Build a subscription that starts now with these prices and quantities; not yet in the world. `more` sets fields.

    Raises 400 if the prices differ in currency or interval, or are not recurring.
    """
    now, ident = world.now(), world.new_id("sub")
    price = require_same_terms([price for price, _ in rows])
    anchor = trial_end or now
    period = (now, trial_end) if trial_end else (now, proration.period_boundary(now, price["recurring"], 1))
    fields = {"status": "active", "billing_cycle_anchor": anchor, **more}
    if trial_end:
        fields |= {"trial_end": trial_end, "trial_start": now, "status": "trialing"}
    subscription = subscription_shape.subscription(
        ident, now, customer=customer["id"], currency=price["currency"], **fields
    )
    items = [
        subscription_shape.item(world.new_id("si"), now, ident, price, quantity, period=period)
        for price, quantity in rows
    ]
    subscription["items"]["data"], subscription["items"]["total_count"] = items, len(items)
    return subscription


def require_same_terms(prices: Sequence[Obj]) -> Obj:
    """Return the first price; raises 400 unless all are recurring, with one currency and interval."""
    for price in prices:
        if price["recurring"] is None:
            raise invalid(
                "The price specified is set to `type=one_time` but this field only accepts recurring prices.",
                param="items",
            )
        interval_fields = ("interval", "interval_count")
        if any(price["recurring"][name] != prices[0]["recurring"][name] for name in interval_fields):
            raise invalid("Currently the stand-in takes one billing interval for all items.", param="items")
        if price["currency"] != prices[0]["currency"]:
            raise invalid("All prices on a subscription must have the same currency.", param="items")
    if not prices:
        raise missing_param("items")
    return prices[0]


def start_subscription(world: World, subscription: Obj, intent: Obj | None = None) -> Obj:
    """Add the subscription and its first invoice to the world; a successful payment intent pays the invoice.

    Returns the invoice, which is open if a payment is due and none was given.
    """
    world.add(subscription)
    invoice = first_invoice(world, subscription)
    subscription["latest_invoice"] = invoice["id"]
    if subscription["status"] != "trialing":
        subscription["discounts"] = subscription_status.lasting_discounts(world, subscription["discounts"])
    world.emit("customer.subscription.created", world.save(subscription))
    drafts.publish(world, invoice)
    life_cycle.finalize(world, invoice, intent)
    if intent is not None and intent["status"] == "succeeded" and invoice["status"] == "open":
        life_cycle.mark_paid(world, invoice)
    subscription_status.schedule_renewal(world, subscription)
    if subscription["status"] == "trialing":
        trials.announce(world, subscription)
    if subscription["status"] == "incomplete":
        world.schedule(world.now() + INCOMPLETE_FOR, "expire_incomplete", subscription=subscription["id"])
    return invoice


def first_invoice(world: World, subscription: Obj) -> Obj:
    """Build the draft for the first period: its price, or zero on trial."""
    invoice = drafts.build_subscription_draft(world, subscription, "subscription_create")
    for item in subscription["items"]["data"]:
        period = (item["current_period_start"], item["current_period_end"])
        trial = subscription["trial_end"] is not None
        invoice["lines"]["data"].append(build_item_line(world, invoice, item, period, trial=trial))
    return invoice


@scheduled("expire_incomplete")
def expire_incomplete(world: World, subscription: str) -> None:
    """After 23 hours without the first payment, expire the subscription and void its invoice."""
    row = world.find(subscription)
    if row is not None and row["status"] == "incomplete":
        life_cycle.close_unpaid(world, world.get("invoice", row["latest_invoice"]), "void")
