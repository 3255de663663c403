"""Subscription changes that await their payment (`pending_if_incomplete`) and expire without it."""

from __future__ import annotations

from sandbox.standin.engine import subscription_status
from sandbox.standin.engine.invoices import life_cycle
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

PENDING_FOR = 23 * 3600


def hold_change(world: World, subscription: Obj, items: list[Obj], anchor: int | None) -> None:
    """After a failed payment, hold the change to these items until it is paid; expires after 23 hours."""
    at = world.now() + PENDING_FOR
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["pending_update"] = {
            "billing_cycle_anchor": anchor,
            "cancel_at_period_end": None,
            "discount": None,
            "discounts": None,
            "expires_at": at,
            "metadata": None,
            "subscription_items": items,
            "trial_end": None,
            "trial_from_plan": None,
        }
    world.schedule(at, "expire_pending_update", subscription=subscription["id"], invoice=subscription["latest_invoice"])


@scheduled("expire_pending_update")
def expire_pending_update(world: World, subscription: str, invoice: str) -> None:
    """Drop an unpaid change and void its invoice."""
    row = world.find(subscription)
    if row is None or row.get("_pending", {}).get("invoice") != invoice:
        return
    with world.edit(row, subscription_status.UPDATED):
        row.pop("_pending")
        row["pending_update"] = None
    world.emit("customer.subscription.pending_update_expired", row)
    bill = world.get("invoice", invoice)
    if bill["status"] == "open":
        life_cycle.close_unpaid(world, bill, "void")
