"""`expand[]`: replaces ids by objects and adds lists that are omitted by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.standin.errors import StripeError, invalid
from sandbox.standin.store.events import public
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

Maker = TypeVar("Maker", bound=Callable[[World, Obj], Any])
INCLUDABLE: dict[tuple[str, str], Callable[[World, Obj], Any]] = {}
DEPTH = 4


def includable(kind: str, name: str) -> Callable[[Maker], Maker]:
    """Register `def make(world, obj)` to build the field `name` of a `kind` when it is expanded."""

    def mark(make: Maker) -> Maker:
        INCLUDABLE[kind, name] = make
        return make

    return mark


def expand_answer(world: World, obj: Obj, paths: list[str]) -> Obj:
    """A copy of the object without internal keys, expanded along `paths`; 400 for a path that cannot be expanded."""
    answer: Obj = public(obj)
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEPTH:
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        _walk(world, answer, steps, path)
    return answer


def _walk(world: World, obj: Any, steps: list[str], path: str) -> None:
    if not steps or obj is None:
        return
    if isinstance(obj, list):
        for part in obj:
            _walk(world, part, steps, path)
        return
    if not isinstance(obj, dict):
        raise _not_expandable(path)
    name, rest = steps[0], steps[1:]
    obj[name] = _expand(world, obj, name, path)
    _walk(world, obj[name], rest, path)


def _expand(world: World, obj: Obj, name: str, path: str) -> Any:
    value = obj.get(name)
    if isinstance(value, str) and (target := world.find(value)) is not None:
        return public(target)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return [public(world.find(part)) or part for part in value]
    make = INCLUDABLE.get((str(obj.get("object")), name))
    if make is not None and value is None:
        return public(make(world, obj))
    if name not in obj or isinstance(value, str | int):
        raise _not_expandable(path)
    return value


def _not_expandable(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
