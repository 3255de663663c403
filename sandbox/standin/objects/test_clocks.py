"""`/v1/test_helpers/test_clocks`. There is one clock, shared with the portal; advancing any test clock moves it."""

from __future__ import annotations

from stripe.params.test_helpers import (
    TestClockAdvanceParams,
    TestClockCreateParams,
    TestClockDeleteParams,
    TestClockListParams,
    TestClockRetrieveParams,
)

from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.routes import route
from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

KIND = "test_helpers.test_clock"
RETENTION_S = 30 * 24 * 3600
MAX_ADVANCE_S = 2 * 366 * 24 * 3600

lists.add_list(KIND, "/v1/test_helpers/test_clocks", TestClockListParams)
lists.add_retrieve(KIND, "/v1/test_helpers/test_clocks", TestClockRetrieveParams)


@route("POST", "/v1/test_helpers/test_clocks", TestClockCreateParams)
def create(world: World, params: Obj) -> Obj:
    clock: Obj = {
        "id": world.new_id("clock"),
        "object": KIND,
        "created": world.now(),
        "deletes_after": world.now() + RETENTION_S,
        "frozen_time": world.now(),
        "livemode": False,
        "name": params.get("name"),
        "status": "ready",
        "status_details": {},
    }
    if params["frozen_time"] > world.now():
        clock["status"] = "advancing"
        _move(world, params["frozen_time"])
        world.schedule(params["frozen_time"], "clock_ready", clock=clock["id"])
    world.emit("test_helpers.test_clock.created", world.add(clock))
    return clock


@route("POST", "/v1/test_helpers/test_clocks/{ident}/advance", TestClockAdvanceParams)
def advance(world: World, params: Obj, ident: str) -> Obj:
    clock, target = world.get(KIND, ident), params["frozen_time"]
    if clock["status"] != "ready":
        raise invalid("The test clock is advancing; wait until it is ready.", status=429, code="rate_limit")
    if not world.now() < target <= world.now() + MAX_ADVANCE_S:
        raise invalid("The new time must be later than the clock's, by two years at most.", param="frozen_time")
    with world.edit(clock, "test_helpers.test_clock.advancing"):
        clock.update(status="advancing", status_details={"advancing": {"target_frozen_time": target}})
    _move(world, target)
    world.schedule(target, "clock_ready", clock=ident)
    return clock


@route("DELETE", "/v1/test_helpers/test_clocks/{ident}", TestClockDeleteParams)
def delete(world: World, _params: Obj, ident: str) -> Obj:
    clock = world.get(KIND, ident)
    world.emit("test_helpers.test_clock.deleted", clock)
    world.remove(clock)
    return {"id": ident, "object": KIND, "deleted": True}


@scheduled("clock_ready")
def ready(world: World, clock: str) -> None:
    """Mark the clock ready after everything due before its new time has run."""
    row = world.find(clock)
    if row is None:
        return
    row.update(status="ready", status_details={}, frozen_time=world.now())
    world.emit("test_helpers.test_clock.ready", world.save(row))


def _move(world: World, target: int) -> None:
    world.clock.advance(target - world.clock.now())
