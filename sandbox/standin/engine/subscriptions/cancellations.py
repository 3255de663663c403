"""The end of a subscription, or a pause, at once: what was billed in advance is credited, what waits is billed.

Both only where asked for, and nothing is refunded: a credit goes into the customer's balance.
Sources: https://docs.stripe.com/billing/subscriptions/cancel and https://docs.stripe.com/billing/subscriptions/pause.
"""

from __future__ import annotations

from sandbox.standin.engine import subscription_status
from sandbox.standin.engine.invoices import collection, drafts, life_cycle
from sandbox.standin.engine.invoices.lines import build_invoice_item_line
from sandbox.standin.engine.subscriptions import pending_updates, renewals
from sandbox.standin.engine.subscriptions.prorations import add_pending_items, build_credits
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def cancel_now(world: World, subscription: Obj, *, prorate: bool, invoice_now: bool) -> None:
    """End the subscription. `prorate` credits the rest of what was billed, `invoice_now` bills what waits."""
    pending_updates.replace_pending(world, subscription)
    if prorate:
        _credit_from(world, subscription, world.now())
    subscription_status.end(world, subscription, "cancellation_requested")
    if invoice_now:
        _bill_waiting(world, subscription)


def pause_now(world: World, subscription: Obj, *, credit_from: str, invoice_now: bool) -> None:
    """Pause the subscription. `credit_from` is `now`, `item_current_period_start` or `none`."""
    pending_updates.replace_pending(world, subscription)
    start = subscription["items"]["data"][0]["current_period_start"]
    if credit_from != "none":
        _credit_from(world, subscription, world.now() if credit_from == "now" else start)
    if invoice_now:
        _bill_waiting(world, subscription)
    subscription_status.pause(world, subscription, "pause_requested")


def _credit_from(world: World, subscription: Obj, moment: int) -> None:
    lines = build_credits(world, subscription, {"id": None}, subscription["items"]["data"], moment)
    add_pending_items(world, subscription, lines)


def _bill_waiting(world: World, subscription: Obj) -> None:
    waiting = renewals.waiting_items(world, subscription)
    if not waiting:
        return
    invoice = drafts.build_subscription_draft(world, subscription, "subscription_update")
    invoice["lines"]["data"] = [build_invoice_item_line(world, invoice, item) for item in waiting]
    renewals.assign_waiting_items(world, subscription, invoice)
    subscription["latest_invoice"] = invoice["id"]
    world.save(subscription)
    drafts.publish(world, invoice)
    life_cycle.finalize(world, invoice)
    if invoice["status"] == "open":
        collection.pay(world, invoice)
