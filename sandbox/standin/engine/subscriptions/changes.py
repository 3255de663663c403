"""Changes of a subscription's items: planned, billed at once or with the next invoice, and put into effect.

In flexible billing mode nothing but `billing_cycle_anchor` moves the anchor: another interval alone is billed for the
rest of its period counted from the old one (https://docs.stripe.com/billing/subscriptions/billing-mode/compare).
Prorations count from `proration_date`; a new period begins at the time of the call.
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.standin.engine import proration, subscription_status
from sandbox.standin.engine.cards import declined
from sandbox.standin.engine.invoices import collection, discounts, drafts, life_cycle
from sandbox.standin.engine.invoices.lines import build_invoice_item_line
from sandbox.standin.engine.subscriptions import pending_updates, renewals
from sandbox.standin.engine.subscriptions.item_rows import changed_items, is_other_interval
from sandbox.standin.engine.subscriptions.prorations import ItemChange, add_pending_items, build_lines
from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def plan_change(
    world: World, subscription: Obj, rows: list[Obj], *, moment: int | None = None, reset: bool = False
) -> ItemChange:
    """Compute the effect of the parameter `items`, prorated from `moment` (default: now).

    Raises 400 for an unknown item or price, or a moment outside the period.
    """
    now, before = world.now(), subscription["items"]["data"]
    at, trial = now if moment is None else moment, subscription["status"] == "trialing"
    start, end = before[0]["current_period_start"], before[0]["current_period_end"]
    if moment is not None and not start <= at <= end:
        raise invalid("Cannot specify a proration date outside of the current period.", param="proration_date")
    items = changed_items(world, subscription, rows)
    recurring = items[0]["price"]["recurring"]
    fresh, anchor = reset, now if reset else subscription["billing_cycle_anchor"]
    if fresh:
        period = (now, proration.period_boundary(now, recurring, 1))
    elif not trial and is_other_interval(items[0]["price"], before[0]["price"]):
        period = proration.period_at(anchor, recurring, at)
    else:
        period = (start, end)  # a trial keeps its end
    for item in items:
        item["current_period_start"], item["current_period_end"] = period
    return ItemChange(before, items, anchor, at, fresh, subscription["discounts"], trial=trial and not fresh)


def change_items(world: World, subscription: Obj, change: ItemChange, params: Obj) -> None:
    """Change the items and bill the difference as `proration_behavior` and `payment_behavior` say."""
    how = params.get("proration_behavior", "create_prorations")
    pending_updates.replace_pending(world, subscription)
    billed = billed_now(change, how)
    if billed is not None and (invoice := build_invoice(world, subscription, billed))["lines"]["data"]:
        _invoice_now(world, subscription, billed, invoice, params)
        return
    if prorates(change, how):
        add_pending_items(world, subscription, build_lines(world, subscription, {"id": None}, change))
    apply_change(world, subscription, change)


def billed_now(change: ItemChange, how: str) -> ItemChange | None:
    """The part of the change that gets its own invoice under `proration_behavior`; None if no part does."""
    if not (change.fresh or how == "always_invoice"):
        return None
    return replace(change, credits=how != "none")


def prorates(change: ItemChange, how: str) -> bool:
    """Whether the rest of the period is billed with the next invoice; on trial nothing is."""
    return how != "none" and not change.trial


def apply_change(world: World, subscription: Obj, change: ItemChange) -> None:
    """Put the change into effect."""
    pending = pending_updates.described(change, None)
    with world.edit(subscription, subscription_status.UPDATED):
        moved = subscription_status.put_into_effect(subscription, pending)
    if moved:
        subscription_status.schedule_renewal(world, subscription)


def build_invoice(world: World, subscription: Obj, change: ItemChange) -> Obj:
    """Build the draft that bills the change at once; not yet in the world."""
    kept = discounts.in_force(world, change.discounts, change.moment)
    invoice = drafts.build_subscription_draft(world, subscription, "subscription_update", discounts=kept)
    invoice["parent"]["subscription_details"]["subscription_proration_date"] = change.moment
    lines = build_lines(world, subscription, invoice, change)
    waiting = renewals.waiting_items(world, subscription) if lines else []
    invoice["lines"]["data"] = [build_invoice_item_line(world, invoice, item) for item in waiting] + lines
    return invoice


def _invoice_now(world: World, subscription: Obj, change: ItemChange, invoice: Obj, params: Obj) -> None:
    behavior = params.get("payment_behavior", "allow_incomplete")
    renewals.assign_waiting_items(world, subscription, invoice)
    waits = behavior == "pending_if_incomplete"
    if not waits:
        apply_change(world, subscription, change)
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["latest_invoice"] = invoice["id"]
        if waits:
            subscription["_pending"] = pending_updates.described(change, invoice["id"])
        elif not change.trial:
            subscription["discounts"] = subscription_status.lasting_discounts(world, subscription["discounts"])
    drafts.publish(world, invoice)
    life_cycle.finalize(world, invoice)
    if invoice["status"] == "open" and behavior != "default_incomplete":
        verdict = collection.pay(world, invoice, off_session=params.get("off_session", False))
        if verdict.refusal is not None and behavior == "error_if_incomplete":
            raise declined(verdict.refusal, keep=False)
    if invoice["status"] == "open" and not waits and not collection.is_processing(world, invoice):
        subscription_status.after_failure(world, invoice, last=False)
    if "_pending" in subscription:
        pending_updates.hold_change(world, subscription)
