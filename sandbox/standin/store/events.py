"""Event objects: a snapshot of the object and the previous values of what changed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.standin import API_VERSION
from sandbox.standin.store.sqlite import Obj


@dataclass(frozen=True)
class Cause:
    """The API call behind a change, named in events. Both are None for changes by the clock or a page."""

    id: str | None = None
    idempotency_key: str | None = None


def public(value: Any) -> Any:
    """A deep copy without internal keys (those that start with `_`)."""
    if isinstance(value, dict):
        return {name: public(part) for name, part in value.items() if not name.startswith("_")}
    return [public(part) for part in value] if isinstance(value, list) else value


def previous(before: Obj, after: Obj) -> Obj:
    """The old values of what changed; in nested objects, only of the parts that changed."""
    changes: Obj = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if name.startswith("_") or old == new:
            continue
        nested = isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list"
        changes[name] = previous(old, new) if nested else public(old)  # type: ignore[arg-type]  # both are dicts
    return changes


def event(kind: str, obj: Obj, old: Obj | None, *, ident: str, now: int, cause: Cause) -> Obj:
    """Build the event; `previous_attributes` only on `….updated`."""
    data: Obj = {"object": public(obj)}
    if old is not None and kind.endswith("updated"):
        data["previous_attributes"] = public(old)
    return {
        "id": ident,
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": cause.id, "idempotency_key": cause.idempotency_key},
        "type": kind,
    }


def wants(endpoint: Obj, event: Obj) -> bool:
    """Whether a webhook endpoint is subscribed to this type of event."""
    return bool({"*", event["type"]} & set(endpoint["enabled_events"]))
