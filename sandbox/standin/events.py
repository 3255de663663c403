"""Events: made from an object as it stands, queued for the endpoints, listed with the state of their delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.standin import API_VERSION
from sandbox.standin.store import Obj

if TYPE_CHECKING:
    from sandbox.standin.world import World


def public(value: Any) -> Any:
    """A deep copy without what is ours (keys that begin with `_`)."""
    if isinstance(value, dict):
        return {name: public(part) for name, part in value.items() if not name.startswith("_")}
    return [public(part) for part in value] if isinstance(value, list) else value


def previous(before: Obj, after: Obj) -> Obj:
    """The old values of what differs; of a nested object only its parts that differ."""
    found: Obj = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if name.startswith("_") or old == new:
            continue
        nested = isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list"
        found[name] = previous(old, new) if nested else public(old)  # type: ignore[arg-type]  # both are dicts
    return found


def make(world: World, kind: str, obj: Obj, old: Obj | None) -> Obj:
    """The event object; `previous_attributes` only on `….updated`."""
    data: Obj = {"object": public(obj)}
    if old is not None and kind.endswith("updated"):
        data["previous_attributes"] = public(old)
    return {
        "id": world.new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": world.now(),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": world.cause.id, "idempotency_key": world.cause.idempotency_key},
        "type": kind,
    }


def queue(world: World, event: Obj) -> None:
    """One delivery for each enabled endpoint that wants events of this type."""
    for endpoint in world.all("webhook_endpoint", status="enabled"):
        if {"*", event["type"]} & set(endpoint["enabled_events"]):
            world.store.db.execute(
                "INSERT INTO deliveries (event, endpoint, state, tries, at, note) VALUES (?, ?, 'waiting', 0, 0, '')",
                (event["id"], endpoint["id"]),
            )
            event["pending_webhooks"] += 1
    world.save(event)
