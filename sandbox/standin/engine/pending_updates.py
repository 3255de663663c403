"""A subscription change that waits for its payment (`pending_if_incomplete`) and lapses without it."""

from __future__ import annotations

from sandbox.standin.engine import invoicing, subscription_status
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

PENDING_FOR = 23 * 3600


def wait(world: World, subscription: Obj, items: list[Obj], anchor: int | None) -> None:
    """The payment failed: the change to these items waits for it, and lapses after 23 hours."""
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
    """Nobody paid for the change: it lapses and its invoice is void."""
    found = world.find(subscription)
    if found is None or found.get("_pending", {}).get("invoice") != invoice:
        return
    with world.edit(found, subscription_status.UPDATED):
        found.pop("_pending")
        found["pending_update"] = None
    world.emit("customer.subscription.pending_update_expired", found)
    bill = world.get("invoice", invoice)
    if bill["status"] == "open":
        invoicing.give_up(world, bill, "void")
