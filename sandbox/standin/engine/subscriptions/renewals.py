"""Scheduled work on subscriptions: renewals, cancellation at a planned time."""

from __future__ import annotations

from sandbox.standin.engine import proration, subscription_status
from sandbox.standin.engine.invoices import discounts, drafts
from sandbox.standin.engine.invoices.lines import (
    amount_of,
    build_invoice_item_line,
    build_item_line,
    build_proration_line,
)
from sandbox.standin.engine.subscriptions import pauses, pending_updates, phases, trials
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

BILLED = frozenset({"active", "past_due", "unpaid", "trialing"})


@scheduled("renew")
def renew(world: World, subscription: str, end: int) -> None:
    """Start the next period when one ends at `end`; its draft is paid an hour later."""
    row = world.find(subscription)
    if row is None or row["status"] not in BILLED or row["items"]["data"][0]["current_period_end"] != end:
        return
    pending_updates.lapse(world, row)
    if phases.reach(world, row, end):
        return
    if row["cancel_at"] is not None and row["cancel_at"] <= end:
        subscription_status.end(world, row, "cancellation_requested")
        return
    if row["status"] == "trialing" and trials.end_without_card(world, row):
        return
    with world.edit(row, subscription_status.UPDATED):
        if row["status"] == "trialing":
            row["status"] = "active"
        old = move_period(row)
        row["discounts"] = discounts.in_force(world, row["discounts"], end)
        invoice = _publish_draft(world, row, old)
        row["latest_invoice"] = invoice["id"]
        row["discounts"] = subscription_status.lasting_discounts(world, row["discounts"])
    subscription_status.schedule_renewal(world, row)


def move_period(subscription: Obj) -> tuple[int, int]:
    """Move every item to the next period, counted from the anchor; return the old period."""
    items = subscription["items"]["data"]
    old = (items[0]["current_period_start"], items[0]["current_period_end"])
    start, end = proration.period_at(subscription["billing_cycle_anchor"], items[0]["price"]["recurring"], old[1])
    for item in items:
        item["current_period_start"], item["current_period_end"] = start, end
    return old


def renewal_invoice(world: World, subscription: Obj, old: tuple[int, int]) -> Obj:
    """Build the draft for the current period, including pending invoice items; not yet in the world."""
    kept = discounts.in_force(world, subscription["discounts"], old[1])
    invoice = drafts.build_subscription_draft(
        world, subscription, "subscription_cycle", period_start=old[0], period_end=old[1], discounts=kept
    )
    for item in waiting_items(world, subscription):
        invoice["lines"]["data"].append(build_invoice_item_line(world, invoice, item))
    for item in subscription["items"]["data"]:
        invoice["lines"]["data"].append(_period_line(world, invoice, item, old[1]))
    return invoice


def _period_line(world: World, invoice: Obj, item: Obj, moment: int) -> Obj:
    """The line of an item's new period; of its rest from `moment` on where the anchor lies before that."""
    start, end = item["current_period_start"], item["current_period_end"]
    if start == moment:
        return build_item_line(world, invoice, item, (start, end))
    amount = proration.prorated(amount_of(item), start, end, moment, item["price"]["currency"])
    return build_proration_line(world, invoice, item, amount, (moment, end), discountable=True)


def waiting_items(world: World, subscription: Obj) -> list[Obj]:
    """List the invoice items that await this subscription's next invoice, oldest first."""
    items = []
    for item in reversed(world.all("invoiceitem", customer=subscription["customer"], invoice=None)):
        owner = subscription_status.subscription_id(item)
        if owner in {None, subscription["id"]} and item["currency"] == subscription["currency"]:
            items.append(item)
    return items


def assign_waiting_items(world: World, subscription: Obj, invoice: Obj) -> None:
    """Assign the pending invoice items to this invoice."""
    for item in waiting_items(world, subscription):
        item["invoice"] = invoice["id"]
        world.save(item)


def _publish_draft(world: World, subscription: Obj, old: tuple[int, int]) -> Obj:
    """The invoice of the period: a draft for the clock; only a draft if unpaid; as the pause has it if paused."""
    invoice = renewal_invoice(world, subscription, old)
    assign_waiting_items(world, subscription, invoice)
    pause = subscription["pause_collection"]
    by_clock = subscription["status"] != "unpaid" and pause is None
    if not by_clock:
        drafts.stop_clock(invoice)
    drafts.publish(world, invoice, by_clock=by_clock)
    if pause is not None:
        pauses.close_draft(world, invoice, pause["behavior"])
    return invoice


@scheduled("cancel_subscription")
def cancel_due(world: World, subscription: str, moment: int) -> None:
    """Cancel a subscription at its planned time, if that is not the end of a period."""
    row = world.find(subscription)
    if row is not None and row["status"] in BILLED and row["cancel_at"] == moment:
        subscription_status.end(world, row, "cancellation_requested")
