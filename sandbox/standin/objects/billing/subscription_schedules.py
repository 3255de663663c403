"""`/v1/subscription_schedules`: made from a subscription only."""

from __future__ import annotations

from stripe.params import (
    SubscriptionScheduleCancelParams,
    SubscriptionScheduleCreateParams,
    SubscriptionScheduleListParams,
    SubscriptionScheduleReleaseParams,
    SubscriptionScheduleRetrieveParams,
    SubscriptionScheduleUpdateParams,
)

from sandbox.standin.engine import metadata
from sandbox.standin.engine.subscriptions import schedules
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/subscription_schedules"

lists.add_retrieve("subscription_schedule", URL, SubscriptionScheduleRetrieveParams)
lists.add_list("subscription_schedule", URL, SubscriptionScheduleListParams, "customer")


@route("POST", URL, SubscriptionScheduleCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Make a schedule of a subscription as it is; phases come with an update."""
    if "from_subscription" not in params:
        raise missing_param("from_subscription")
    if "phases" in params:
        raise invalid("You cannot pass `phases` with `from_subscription`.", param="phases")
    allow_only(params, "from_subscription", "metadata")
    subscription = world.get("subscription", params["from_subscription"], "from_subscription")
    schedule = schedules.create(world, subscription)
    schedule["metadata"] = metadata.merged({}, params.get("metadata"))
    return schedule


@route("POST", URL + "/{ident}", SubscriptionScheduleUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    """Change the phases to come, and what follows the last one."""
    allow_only(params, "phases", "end_behavior", "metadata", "proration_behavior")
    return schedules.update(world, world.get("subscription_schedule", ident), params)


@route("POST", URL + "/{ident}/release", SubscriptionScheduleReleaseParams)
def release(world: World, params: Obj, ident: str) -> Obj:
    """Let the subscription go on without the schedule."""
    allow_only(params)
    return schedules.release(world, world.get("subscription_schedule", ident))


@route("POST", URL + "/{ident}/cancel", SubscriptionScheduleCancelParams)
def cancel(world: World, params: Obj, ident: str) -> Obj:
    """Cancel the schedule and its subscription at once."""
    return schedules.cancel(world, world.get("subscription_schedule", ident), params)
