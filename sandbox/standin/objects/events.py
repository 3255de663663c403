"""`/v1/events`: retrieve, and list by type, delivery and cursor."""

from __future__ import annotations

from fnmatch import fnmatch

from stripe.params import EventListParams, EventRetrieveParams

from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

RETENTION_S = 30 * 24 * 3600
MAX_TYPES = 20


@route("GET", "/v1/events/{ident}", EventRetrieveParams)
def retrieve(world: World, _params: Obj, ident: str) -> Obj:
    return _rendered(world, world.get("event", ident))


@route("GET", "/v1/events", EventListParams)
def index(world: World, params: Obj) -> Obj:
    types = params.get("types", [])
    if len(types) > MAX_TYPES:
        raise invalid(f"You can pass up to {MAX_TYPES} types.", param="types")
    if types and "type" in params:
        raise invalid("You may only specify one of these parameters: type, types.", param="types")
    wanted = types or [params.get("type", "*")]
    since = int(world.clock.now()) - RETENTION_S
    events = [
        _rendered(world, event)
        for event in world.all("event")
        if event["created"] >= since and any(fnmatch(event["type"], pattern) for pattern in wanted)
    ]
    if "delivery_success" in params:
        failed = undelivered(world)
        events = [event for event in events if (event["id"] not in failed) == params["delivery_success"]]
    return lists.list_page(events, params, "/v1/events")


def _rendered(world: World, event: Obj) -> Obj:
    """The event as a call gets it: in the account's API version when it happened, whichever one the call names."""
    return {**event, "api_version": world.account_version}


def undelivered(world: World) -> set[str]:
    """The ids of events that some endpoint has not accepted."""
    return {row[0] for row in world.store.db.execute("SELECT event FROM deliveries WHERE state <> 'done'")}
