"""Reads that nearly every kind has: one object by id, and pages of a list.

Lists are newest first, with `limit`, `starting_after`, `ending_before`, `created`, `has_more`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.standin.errors import invalid, not_found
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

DEFAULT, MAX_LIMIT = 10, 100
_TESTS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def list_page(objects: Iterable[Obj], params: Obj, url: str) -> Obj:
    """One page of `objects` (newest first) as a list object; 400 for an unknown cursor."""
    limit = params.get("limit", DEFAULT)
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(
            f"Invalid limit: must be between 1 and {MAX_LIMIT}", code="parameter_invalid_integer", param="limit"
        )
    rows = [obj for obj in objects if is_within(obj.get("created", 0), params.get("created"))]
    if (cursor := params.get("ending_before")) is not None:
        newer = rows[: _position(rows, cursor, "ending_before")]
        return list_object(newer[-limit:], url, has_more=len(newer) > limit)
    start = 0
    if (cursor := params.get("starting_after")) is not None:
        start = _position(rows, cursor, "starting_after") + 1
    return list_object(rows[start : start + limit], url, has_more=len(rows) > start + limit)


def list_object(rows: list[Obj], url: str, *, has_more: bool = False) -> Obj:
    """A list object of these rows."""
    return {"object": "list", "data": rows, "has_more": has_more, "url": url}


def is_within(value: int, bounds: Any) -> bool:
    """Whether a time is within a filter such as `created`: None, a number, or gt, gte, lt, lte."""
    if bounds is None:
        return True
    if isinstance(bounds, int):
        return value == bounds
    return all(_TESTS[name](value, int(bound)) for name, bound in bounds.items())


def _position(rows: list[Obj], cursor: str, param: str) -> int:
    for index, obj in enumerate(rows):
        if obj["id"] == cursor:
            return index
    raise not_found("object", cursor, param, 400)


def add_retrieve(kind: str, url: str, declared: type) -> None:
    """Register `GET url/{ident}` to return the object; 404 if there is none."""

    def retrieve(world: World, _params: Obj, ident: str) -> Obj:
        return world.get(kind, ident)

    route("GET", url + "/{ident}", declared)(retrieve)


def add_list(kind: str, url: str, declared: type, *filters: str) -> None:
    """Register `GET url` to return a page of the kind, filtered by the parameters in `filters`."""

    def index(world: World, params: Obj) -> Obj:
        return list_page(world.all(kind, **{name: params[name] for name in filters if name in params}), params, url)

    route("GET", url, declared)(index)
