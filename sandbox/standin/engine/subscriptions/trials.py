"""Trials of running subscriptions: their end is moved, or is now, or one begins; and what is announced before an end.

A trial that begins ends the period: what was billed for its rest is credited unless prorations are off, and the trial's
invoice is of zero. Sources: https://docs.stripe.com/billing/subscriptions/trials/free-trials and
https://docs.stripe.com/billing/subscriptions/billing-cycle#change-the-billing-period-using-a-trial-period.
"""

from __future__ import annotations

import copy
from dataclasses import replace

from sandbox.standin.engine import proration, subscription_status
from sandbox.standin.engine.payments import saved_cards
from sandbox.standin.engine.subscriptions.prorations import ItemChange
from sandbox.standin.errors import invalid
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

DAY = 86_400
ANNOUNCED_S = 3 * DAY
WILL_END = "customer.subscription.trial_will_end"


def parse_end(world: World, params: Obj) -> int | None:
    """When the trial ends, from `trial_end` or `trial_period_days`."""
    if params.get("trial_period_days"):
        return world.now() + int(params["trial_period_days"]) * DAY
    requested = params.get("trial_end")
    return int(requested) if requested and requested != "now" else None


def require_possible(world: World, subscription: Obj, requested: str | int) -> None:
    """Raise 400 for an end that has passed, for the end of a trial that does not run, and while paused."""
    running = subscription["status"] == "trialing"
    if (requested == "now" and running) or (requested != "now" and int(requested) > world.now()):
        if subscription["status"] == "paused":
            raise invalid("You cannot set `trial_end` on a paused subscription.", param="trial_end")
        return
    message = "The parameter `trial_end` expects a unix timestamp representing a date and time in the future."
    raise invalid(message, param="trial_end")


def changed(world: World, subscription: Obj, change: ItemChange, requested: str | int) -> ItemChange:
    """The change with the trial's end: the items' period ends with the trial, or a whole one begins now."""
    now, items = world.now(), copy.deepcopy(change.after)
    if requested == "now":
        period = (now, proration.period_boundary(now, items[0]["price"]["recurring"], 1))
        fields: Obj = {"trial_end": now, "status": "active"}
        change = replace(change, anchor=now, fresh=True, credits=False, trial=False)
    else:
        at, trialing = int(requested), subscription["status"] == "trialing"
        period = (items[0]["current_period_start"] if trialing else now, at)
        fields = {"trial_end": at, "status": "trialing"} | ({} if trialing else {"trial_start": now})
        change = replace(change, anchor=at, fresh=not trialing, trial=True)
    for item in items:
        item["current_period_start"], item["current_period_end"] = period
    return replace(change, after=items, fields={**change.fields, **fields})


def end_now(world: World, subscription: Obj) -> bool:
    """Announce the end of a trial that is ended now; True if that is all, for want of a card."""
    world.emit(WILL_END, subscription)
    return end_without_card(world, subscription)


def end_without_card(world: World, subscription: Obj) -> bool:
    """Do what the subscription says for a trial's end without a card; False if it goes on and is billed."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "create_invoice" or saved_cards.find_default(world, subscription) is not None:
        return False
    if behavior == "cancel":
        subscription_status.end(world, subscription, "cancellation_requested")
        return True
    subscription_status.pause(world, subscription, "trial_end_without_payment_method")
    return True


def announce(world: World, subscription: Obj) -> None:
    """Have the trial's end announced three days before; at once if it is nearer."""
    end = subscription["trial_end"]
    at = max(world.now(), end - ANNOUNCED_S)
    world.schedule(at, "trial_will_end", subscription=subscription["id"], end=end)


@scheduled("trial_will_end")
def trial_will_end(world: World, subscription: str, end: int) -> None:
    """Announce the end of a trial, unless it has been moved."""
    row = world.find(subscription)
    if row is not None and row["status"] == "trialing" and row["trial_end"] == end:
        world.emit(WILL_END, row)
