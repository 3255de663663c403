"""Scheduled work on subscriptions: renewal, retried payments, cancellation at the end of a period."""

from __future__ import annotations

from sandbox.standin.engine import invoice_lines, invoice_totals, invoicing, proration, subscription_status
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

BILLED = frozenset({"active", "past_due", "unpaid", "trialing"})


@scheduled("renew")
def renew(world: World, subscription: str, end: int) -> None:
    """The period that ends at `end` is over: the next one begins at once, its draft is paid an hour later."""
    found = world.find(subscription)
    if found is None or found["status"] not in BILLED or found["items"]["data"][0]["current_period_end"] != end:
        return
    if found["cancel_at"] is not None and found["cancel_at"] <= end:
        subscription_status.end(world, found, "cancellation_requested")
        return
    if found["status"] == "trialing" and not _may_go_on(world, found):
        return
    with world.edit(found, subscription_status.UPDATED):
        if found["status"] == "trialing":
            found["status"] = "active"
        old = move_period(found)
        invoice = _draft(world, found, old)
        found["latest_invoice"] = invoice["id"]
        found["discounts"] = invoice_totals.discounts_on_renewal(world, found["discounts"], end)
    subscription_status.schedule_renewal(world, found)


def move_period(subscription: Obj) -> tuple[int, int]:
    """Every item goes on to the next period, counted from the anchor; returns the old one."""
    items = subscription["items"]["data"]
    old = (items[0]["current_period_start"], items[0]["current_period_end"])
    start, end = proration.period_at(subscription["billing_cycle_anchor"], items[0]["price"]["recurring"], old[1])
    for item in items:
        item["current_period_start"], item["current_period_end"] = start, end
    return old


def renewal_invoice(world: World, subscription: Obj, old: tuple[int, int]) -> Obj:
    """The draft for the running period, with what waited for it; not yet in the world."""
    discounts = invoice_totals.discounts_on_renewal(world, subscription["discounts"], old[1])
    invoice = invoicing.draft_for(
        world, subscription, "subscription_cycle", period_start=old[0], period_end=old[1], discounts=discounts
    )
    for item in waiting_items(world, subscription):
        invoice["lines"]["data"].append(invoice_lines.of_invoice_item(world, invoice, item))
    for item in subscription["items"]["data"]:
        period = (item["current_period_start"], item["current_period_end"])
        invoice["lines"]["data"].append(invoice_lines.of_item(world, invoice, item, period))
    return invoice


def waiting_items(world: World, subscription: Obj) -> list[Obj]:
    """The customer's invoice items that wait for this subscription's next invoice, oldest first."""
    found = []
    for item in reversed(world.all("invoiceitem", customer=subscription["customer"], invoice=None)):
        owner = subscription_status.subscription_id(item)
        if owner in {None, subscription["id"]} and item["currency"] == subscription["currency"]:
            found.append(item)
    return found


def claim_waiting(world: World, subscription: Obj, invoice: Obj) -> None:
    """What waited is on this invoice from now on."""
    for item in waiting_items(world, subscription):
        item["invoice"] = invoice["id"]
        world.save(item)


def _draft(world: World, subscription: Obj, old: tuple[int, int]) -> Obj:
    invoice = renewal_invoice(world, subscription, old)
    claim_waiting(world, subscription, invoice)
    collect = subscription["status"] != "unpaid"
    invoice["auto_advance"] = collect
    return invoicing.publish(world, invoice, finalize_in=invoicing.HOUR if collect else None)


def _may_go_on(world: World, subscription: Obj) -> bool:
    """A trial ends: with a card, or where an invoice is to be made anyway, the subscription goes on."""
    without = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    customer = world.get("customer", subscription["customer"])
    card = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    if card or without == "create_invoice":
        return True
    if without == "cancel":
        subscription_status.end(world, subscription, "payment_failed")
        return False
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["status"] = "paused"
    world.emit("customer.subscription.paused", subscription)
    return False


@scheduled("retry_invoice")
def retry_invoice(world: World, invoice: str) -> None:
    """The time of a failed payment's next try."""
    found = world.find(invoice)
    if found is None or found["status"] != "open" or found["next_payment_attempt"] != world.now():
        return
    invoicing.pay(world, found, automatic=True)


@scheduled("cancel_subscription")
def cancel_due(world: World, subscription: str, moment: int) -> None:
    """The instant at which a subscription was to end, when that is no period's end."""
    found = world.find(subscription)
    if found is not None and found["status"] in BILLED and found["cancel_at"] == moment:
        subscription_status.end(world, found, "cancellation_requested")
