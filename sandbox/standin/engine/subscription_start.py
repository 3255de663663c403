"""Starts a subscription: its items, first period and first invoice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.standin.engine import invoice_lines, invoicing, proration, subscription_status
from sandbox.standin.engine.shapes import subscription_shape
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

DAY, HOUR = 86_400, 3600
INCOMPLETE_FOR = 23 * HOUR
Row = tuple[Obj, int]


def build(world: World, customer: Obj, rows: Sequence[Row], *, trial_end: int | None = None, **more: Any) -> Obj:
    """A subscription that begins now with these prices and quantities; not yet in the world. `more` replaces fields.

    Raises 400 when the prices differ in currency or interval, or are not recurring.
    """
    now, ident = world.now(), world.new_id("sub")
    price = agreeing([price for price, _ in rows])
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


def agreeing(prices: Sequence[Obj]) -> Obj:
    """The first of the prices; raises 400 unless all are recurring, with one currency and one interval."""
    for price in prices:
        if price["recurring"] is None:
            raise invalid(
                "The price specified is set to `type=one_time` but this field only accepts recurring prices.",
                param="items",
            )
        same = ("interval", "interval_count")
        if any(price["recurring"][name] != prices[0]["recurring"][name] for name in same):
            raise invalid("Currently the stand-in takes one billing interval for all items.", param="items")
        if price["currency"] != prices[0]["currency"]:
            raise invalid("All prices on a subscription must have the same currency.", param="items")
    if not prices:
        raise missing_param("items")
    return prices[0]


def start(world: World, subscription: Obj, intent: Obj | None = None) -> Obj:
    """The subscription and its first invoice enter the world; with a payment that succeeded, the invoice is paid by it.

    Returns the invoice: open when something is to be paid and no payment was given.
    """
    world.add(subscription)
    invoice = first_invoice(world, subscription)
    subscription["latest_invoice"] = invoice["id"]
    world.emit("customer.subscription.created", world.save(subscription))
    invoicing.publish(world, invoice)
    invoicing.finalize(world, invoice, intent)
    if intent is not None and invoice["status"] == "open":
        invoicing.settle(world, invoice)
    subscription_status.schedule_renewal(world, subscription)
    if subscription["status"] == "trialing":
        at = max(world.now(), subscription["trial_end"] - 3 * DAY)
        world.schedule(at, "trial_will_end", subscription=subscription["id"])
    if subscription["status"] == "incomplete":
        world.schedule(world.now() + INCOMPLETE_FOR, "expire_incomplete", subscription=subscription["id"])
    return invoice


def first_invoice(world: World, subscription: Obj) -> Obj:
    """The draft for the first period: its price, or nothing while on trial."""
    invoice = invoicing.draft_for(world, subscription, "subscription_create")
    for item in subscription["items"]["data"]:
        period = (item["current_period_start"], item["current_period_end"])
        trial = subscription["trial_end"] is not None
        invoice["lines"]["data"].append(invoice_lines.of_item(world, invoice, item, period, trial=trial))
    return invoice


@scheduled("expire_incomplete")
def expire_incomplete(world: World, subscription: str) -> None:
    """23 hours without the first payment: the subscription never was, its invoice is void."""
    found = world.find(subscription)
    if found is not None and found["status"] == "incomplete":
        invoicing.give_up(world, world.get("invoice", found["latest_invoice"]), "void")


@scheduled("trial_will_end")
def trial_will_end(world: World, subscription: str) -> None:
    """Three days before a trial ends."""
    found = world.find(subscription)
    if found is not None and found["status"] == "trialing":
        world.emit("customer.subscription.trial_will_end", found)
