"""Subscription schedules: made from a subscription, changed, released, cancelled; phases that begin within a period.

While a schedule stands, what its phases decide is changed through it. Stripe splits the current phase for a change of
items; the stand-in refuses it instead. Sources: https://docs.stripe.com/billing/subscriptions/subscription-schedules,
and the SDK's `SubscriptionSchedule`.
"""

from __future__ import annotations

from sandbox.standin.engine import metadata, proration, subscription_status
from sandbox.standin.engine.shapes import schedule_shape
from sandbox.standin.engine.subscriptions import cancellations, changes, pending_updates, phases
from sandbox.standin.engine.subscriptions.phase_params import parse_phases
from sandbox.standin.engine.subscriptions.prorations import ItemChange
from sandbox.standin.errors import invalid
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

OPEN = frozenset({"not_started", "active"})
ENDS = frozenset({"cancel_at", "cancel_at_period_end"})
DECIDED = frozenset({"items", "discounts", "default_tax_rates", "trial_end", "billing_cycle_anchor"})
ANNOUNCED_S = 7 * 86_400


def require_free(subscription: Obj, params: Obj) -> None:
    """Raise 400 for what a schedule decides, if one manages the subscription."""
    ident = subscription["schedule"]
    managed = f"The subscription is managed by the subscription schedule `{ident}`, and updating"
    if ident and ENDS & params.keys():
        raise invalid(
            f"{managed} any cancelation behavior directly is not allowed. Please update the schedule instead."
        )
    if ident and DECIDED & params.keys():
        raise invalid(f"{managed} its phases' settings directly is not supported by the stand-in. Release it first.")


def create(world: World, subscription: Obj) -> Obj:
    """Make a schedule whose only phase is the current period as it is."""
    if subscription["schedule"]:
        message = "You cannot migrate a subscription that is already attached to a schedule:"
        raise invalid(f"{message} {subscription['schedule']}.", param="from_subscription")
    if subscription["status"] in subscription_status.OVER | {"incomplete"}:
        raise invalid("You cannot migrate a subscription that is not running.", param="from_subscription")
    end_behavior = "cancel" if subscription["cancel_at"] is not None else "release"
    phase = _running_phase(subscription)
    ident = world.new_id("sub_sched")
    schedule = world.add(
        schedule_shape.schedule(ident, world.now(), subscription=subscription, phase=phase, end_behavior=end_behavior)
    )
    world.emit("subscription_schedule.created", schedule)
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["schedule"] = ident
    _plan(world, schedule)
    return schedule


def update(world: World, schedule: Obj, params: Obj) -> Obj:
    """Change the phases to come, or what follows the last one; 400 once it is over."""
    require_open(schedule, "update")
    subscription = world.get("subscription", schedule["subscription"])
    with world.edit(schedule, "subscription_schedule.updated"):
        schedule["metadata"] = metadata.merged(schedule["metadata"], params.get("metadata"))
        schedule["end_behavior"] = params.get("end_behavior", schedule["end_behavior"])
        if "phases" in params:
            schedule["phases"] = parse_phases(world, schedule, subscription, params["phases"])
            current = schedule["phases"][0]
            schedule["current_phase"] = {name: current[name] for name in ("end_date", "start_date")}
    _plan(world, schedule)
    return schedule


def release(world: World, schedule: Obj) -> Obj:
    """Leave the subscription as it is, without the schedule and its phases to come."""
    require_open(schedule, "release")
    subscription = world.get("subscription", schedule["subscription"])
    schedule.update(status="released", released_at=world.now(), current_phase=None)
    schedule.update(released_subscription=subscription["id"], subscription=None)
    world.emit("subscription_schedule.released", world.save(schedule))
    with world.edit(subscription, subscription_status.UPDATED):
        subscription["schedule"] = None
    return schedule


def cancel(world: World, schedule: Obj, params: Obj) -> Obj:
    """Cancel the schedule and its subscription at once."""
    require_open(schedule, "cancel")
    subscription = world.get("subscription", schedule["subscription"])
    how = {name: params.get(name, True) for name in ("prorate", "invoice_now")}
    cancellations.cancel_now(world, subscription, **how)
    return schedule


def require_open(schedule: Obj, verb: str) -> None:
    """Raise 400 for a schedule that is over."""
    if schedule["status"] not in OPEN:
        message = f"You cannot {verb} a subscription schedule that is currently in the `{schedule['status']}` status."
        raise invalid(f"{message} It must be `not_started` or `active`.")


@scheduled("enter_phase")
def enter_due(world: World, schedule: str, moment: int) -> None:
    """Begin a phase, or complete the schedule, within a period; the renewal does it at the end of one."""
    row = world.find(schedule)
    if row is None or row["status"] != "active" or row["current_phase"]["end_date"] != moment:
        return
    subscription = world.get("subscription", row["subscription"])
    end = subscription["items"]["data"][0]["current_period_end"]
    following = phases.find_next(row)
    if end == moment or subscription["status"] in subscription_status.OVER:
        return
    if following is None:
        phases.complete(world, subscription, row)
        return
    pending_updates.lapse(world, subscription)
    phases.mark_current(world, row, following)
    change = _change_to(world, subscription, following)
    changes.change_items(world, subscription, change, {"proration_behavior": following["proration_behavior"]})


@scheduled("announce_schedule_end")
def announce_end(world: World, schedule: str, end: int) -> None:
    """Emit `subscription_schedule.expiring` a week before the last phase ends."""
    row = world.find(schedule)
    if row is not None and row["status"] == "active" and row["phases"][-1]["end_date"] == end:
        world.emit("subscription_schedule.expiring", row)


def _plan(world: World, schedule: Obj) -> None:
    """Schedule the ends of the phases; `enter_due` checks whether they still are."""
    for phase in schedule["phases"]:
        world.schedule(phase["end_date"], "enter_phase", schedule=schedule["id"], moment=phase["end_date"])
    end = schedule["phases"][-1]["end_date"]
    if end - ANNOUNCED_S > world.now():
        world.schedule(end - ANNOUNCED_S, "announce_schedule_end", schedule=schedule["id"], end=end)


def _running_phase(subscription: Obj) -> Obj:
    """The current period as a phase."""
    items = subscription["items"]["data"]
    rows = [schedule_shape.item(item["price"]["id"], item["quantity"]) for item in items]
    trial_end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    return schedule_shape.phase(
        start=items[0]["current_period_start"],
        end=items[0]["current_period_end"],
        currency=subscription["currency"],
        items=rows,
        discounts=[schedule_shape.discount(ident) for ident in subscription["discounts"]],
        default_tax_rates=list(subscription["default_tax_rates"]),
        metadata=dict(subscription["metadata"]),
        trial_end=trial_end,
    )


def _change_to(world: World, subscription: Obj, phase: Obj) -> ItemChange:
    """The change that a phase is which begins within a period."""
    now, before = world.now(), subscription["items"]["data"]
    after, fields = phases.planned_items(world, subscription, phase), phases.settings_of(subscription, phase)
    fresh = phase["billing_cycle_anchor"] == "phase_start"
    anchor, recurring = (now if fresh else subscription["billing_cycle_anchor"]), after[0]["price"]["recurring"]
    trial = subscription["status"] == "trialing"
    period = (before[0]["current_period_start"], before[0]["current_period_end"])
    if not trial:
        period = proration.period_at(anchor, recurring, now)
    for item in after:
        item["current_period_start"], item["current_period_end"] = period
    return ItemChange(before, after, anchor, now, fresh, fields["discounts"], trial=trial, fields=fields)
