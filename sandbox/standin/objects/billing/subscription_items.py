"""`/v1/subscription_items`."""

from __future__ import annotations

from stripe.params import (
    SubscriptionItemCreateParams,
    SubscriptionItemDeleteParams,
    SubscriptionItemListParams,
    SubscriptionItemRetrieveParams,
    SubscriptionItemUpdateParams,
)

from sandbox.standin.engine.subscriptions import changes, pending_updates, schedules
from sandbox.standin.engine.subscriptions.item_rows import get_item_with_subscription
from sandbox.standin.objects import lists
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/subscription_items"


@route("POST", URL, SubscriptionItemCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Add a price to a subscription."""
    subscription = world.get("subscription", params["subscription"], "subscription")
    before = {item["id"] for item in subscription["items"]["data"]}
    _change(world, subscription, {name: params[name] for name in ("price", "quantity") if name in params}, params)
    added: Obj = next(item for item in subscription["items"]["data"] if item["id"] not in before)
    return added


@route("GET", URL, SubscriptionItemListParams)
def listing(world: World, params: Obj) -> Obj:
    """A subscription's items, newest first."""
    subscription = world.get("subscription", params["subscription"], "subscription")
    return lists.list_page(list(reversed(subscription["items"]["data"])), params, URL)


@route("GET", URL + "/{ident}", SubscriptionItemRetrieveParams)
def retrieve(world: World, _params: Obj, ident: str) -> Obj:
    """Retrieve an item."""
    return get_item_with_subscription(world, ident)[0]


@route("POST", URL + "/{ident}", SubscriptionItemUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    """Change the price or quantity."""
    _, subscription = get_item_with_subscription(world, ident)
    row: Obj = {"id": ident, **{name: params[name] for name in ("price", "quantity") if name in params}}
    _change(world, subscription, row, params)
    return get_item_with_subscription(world, ident)[0]


@route("DELETE", URL + "/{ident}", SubscriptionItemDeleteParams)
def delete(world: World, params: Obj, ident: str) -> Obj:
    """Remove a price."""
    _, subscription = get_item_with_subscription(world, ident)
    _change(world, subscription, {"id": ident, "deleted": True}, params)
    return {"id": ident, "object": "subscription_item", "deleted": True}


def _change(world: World, subscription: Obj, row: Obj, params: Obj) -> None:
    schedules.require_free(subscription, {"items": [row]})
    pending_updates.require_payable(world, subscription, params)
    change = changes.plan_change(world, subscription, [row], moment=params.get("proration_date"))
    changes.change_items(world, subscription, change, params)
