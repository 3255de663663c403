"""Phases of a subscription schedule: what one makes of the subscription, and how the schedule ends.

A phase that begins where a period ends is billed by the renewal, as one invoice. What a phase lists is what holds from
then on; metadata is merged, an empty value deleting its key. Items are matched by price: one with another price is a
new item, with an id of its own (our assumption). Without `phase_start` the anchor stays, and a first period that the
anchor cuts short is billed in part. Source: https://docs.stripe.com/billing/subscriptions/subscription-schedules.
"""

from __future__ import annotations

from sandbox.standin.engine import metadata, subscription_status
from sandbox.standin.engine.subscriptions.item_rows import new_item
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World


def find_schedule(world: World, subscription: Obj) -> Obj | None:
    """Find the schedule that manages a subscription."""
    return world.find(subscription["schedule"]) if subscription["schedule"] else None


def find_next(schedule: Obj) -> Obj | None:
    """Find the phase after the current one."""
    current = schedule["current_phase"]
    later = [phase for phase in schedule["phases"] if phase["start_date"] >= current["end_date"]]
    return later[0] if later else None


def reach(world: World, subscription: Obj, moment: int) -> bool:
    """At the end of a phase begin the next one, or complete the schedule; True if that ended the subscription."""
    schedule = find_schedule(world, subscription)
    if schedule is None or schedule["current_phase"]["end_date"] > moment:
        return False
    following = find_next(schedule)
    if following is None:
        return complete(world, subscription, schedule)
    with world.edit(subscription, subscription_status.UPDATED):
        enter(world, subscription, following)
    mark_current(world, schedule, following)
    return False


def foresee(world: World, subscription: Obj, moment: int) -> None:
    """Make of a copy of the subscription what its schedule makes of it at `moment`."""
    schedule = find_schedule(world, subscription)
    following = find_next(schedule) if schedule is not None else None
    if following is not None and following["start_date"] <= moment:
        enter(world, subscription, following)


def enter(world: World, subscription: Obj, phase: Obj) -> None:
    """Give the subscription the items and settings of a phase; its periods stay."""
    items = subscription["items"]["data"]
    period = (items[0]["current_period_start"], items[0]["current_period_end"])
    kept = planned_items(world, subscription, phase)
    for item in kept:
        item["current_period_start"], item["current_period_end"] = period
    subscription["items"].update(data=kept, total_count=len(kept))
    subscription.update(settings_of(subscription, phase))
    if phase["billing_cycle_anchor"] == "phase_start":
        subscription["billing_cycle_anchor"] = phase["start_date"]


def planned_items(world: World, subscription: Obj, phase: Obj) -> list[Obj]:
    """The items of a phase: those of the subscription with the same price, and new ones."""
    known = {item["price"]["id"]: item for item in subscription["items"]["data"]}
    planned = []
    for row in phase["items"]:
        item = known.get(row["price"])
        if item is None:
            item = new_item(world, subscription, world.get("price", row["price"]), row["quantity"])
        planned.append({**item, "quantity": row["quantity"]})
    return planned


def settings_of(subscription: Obj, phase: Obj) -> Obj:
    """What a phase changes beside the items."""
    changed: Obj = {
        "discounts": [row["discount"] for row in phase["discounts"]],
        "default_tax_rates": list(phase["default_tax_rates"]),
        "metadata": metadata.merged(subscription["metadata"], phase["metadata"]),
    }
    names = ("collection_method", "default_payment_method", "description")
    return changed | {name: phase[name] for name in names if phase[name] is not None}


def mark_current(world: World, schedule: Obj, phase: Obj) -> None:
    """Note which phase the schedule is in."""
    with world.edit(schedule, "subscription_schedule.updated"):
        schedule["current_phase"] = {name: phase[name] for name in ("end_date", "start_date")}


def complete(world: World, subscription: Obj, schedule: Obj) -> bool:
    """End a schedule after its last phase: the subscription goes on without it, or ends; True if it ends."""
    schedule.update(status="completed", completed_at=world.now(), current_phase=None)
    world.emit("subscription_schedule.completed", world.save(schedule))
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["schedule"] = None
    if schedule["end_behavior"] == "cancel":
        subscription_status.end(world, subscription, "cancellation_requested")
        return True
    return False
