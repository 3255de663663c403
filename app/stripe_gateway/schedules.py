"""Subscription schedules: a change of price at the end of the running period, and taking it back.

A schedule replaces what its first phase leaves out, so that phase repeats what runs: items, discounts, metadata, taxes.
Source: https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.stripe_gateway import reading
from app.stripe_gateway.errors import StripeMisused
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw

PLANNED = "tollkeeper_planned"
"""The metadata of a schedule of ours: the id of the planned change."""
_OVER = frozenset({"released", "canceled", "completed"})
_COPIED = ("collection_method", "default_payment_method", "description", "metadata")


@dataclass(frozen=True, slots=True)
class RemoteSchedule:
    """A schedule. `own_id` is our planned change's; `planned`: it has a phase after the running one."""

    id: str
    own_id: UUID | None
    planned: bool
    over: bool


def retrieve(gw: Gateway, schedule_id: str) -> RemoteSchedule:
    """Retrieve a schedule, also one that is over. Raises `StripeMissing`."""
    return _parse(_retrieve(gw, schedule_id))


def create(gw: Gateway, subscription_id: str, own_id: UUID, *, key: str) -> RemoteSchedule:
    """Create a schedule of a subscription as it runs, under an id of ours. Raises `StripeMisused` if it has one."""
    params: Any = {"from_subscription": validate_id(subscription_id), "metadata": {PLANNED: str(own_id)}}
    return _parse(gw.post(key, lambda v1, options: v1.subscription_schedules.create(params, options)))


def plan_price(gw: Gateway, schedule_id: str, price_id: str, *, restarts: bool, key: str) -> RemoteSchedule:
    """Let another price follow the running period, without proration; `restarts`: with an anchor of its own.

    Afterwards the subscription goes on without the schedule.
    """
    running = reading.objects(_retrieve(gw, schedule_id), "phases")[0]
    following = {"items": [{"price": validate_id(price_id)}], "proration_behavior": "none", **_copy(running)}
    if restarts:
        following["billing_cycle_anchor"] = "phase_start"
    dates = {name: reading.whole(running, name) for name in ("start_date", "end_date")}
    phases = [{"items": _list_items(running), **dates, **_copy(running)}, following]
    params: Any = {"phases": phases, "end_behavior": "release"}
    return _parse(gw.post(key, lambda v1, options: v1.subscription_schedules.update(schedule_id, params, options)))


def release(gw: Gateway, schedule_id: str, *, key: str) -> None:
    """Let the subscription go on without the schedule and its phases; one that is over is left alone."""
    validate_id(schedule_id)
    try:
        gw.post(key, lambda v1, options: v1.subscription_schedules.release(schedule_id, options=options))
    except StripeMisused:
        if not retrieve(gw, schedule_id).over:
            raise


def _retrieve(gw: Gateway, schedule_id: str) -> Raw:
    validate_id(schedule_id)
    raw = gw.get(lambda v1: v1.subscription_schedules.retrieve(schedule_id))
    return reading.ensure_kind(raw, "subscription_schedule")


def _parse(raw: Raw) -> RemoteSchedule:
    reading.ensure_kind(raw, "subscription_schedule")
    return RemoteSchedule(
        id=reading.text(raw, "id"),
        own_id=reading.uuid_or_none(reading.inner_or_none(raw, "metadata"), PLANNED),
        planned=len(reading.objects(raw, "phases")) > 1,
        over=reading.text(raw, "status") in _OVER,
    )


def _list_items(phase: Raw) -> list[dict[str, Any]]:
    items = reading.objects(phase, "items")
    return [{"price": reading.object_id(item, "price"), "quantity": reading.whole(item, "quantity")} for item in items]


def _copy(phase: Raw) -> dict[str, Any]:
    """What both phases have of the running one."""
    copied: dict[str, Any] = {name: phase[name] for name in _COPIED if phase.get(name)}
    discounts = [reading.object_id(each, "discount") for each in reading.objects(phase, "discounts")]
    if discounts:
        copied["discounts"] = [{"discount": discount} for discount in discounts]
    rates = [reading.text(rate, "id") for rate in reading.objects(phase, "default_tax_rates")]
    if rates:
        copied["default_tax_rates"] = rates
    return copied
