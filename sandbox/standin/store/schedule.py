"""Functions that the clock calls later, registered by name so that the schedule can be stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Work = TypeVar("Work", bound=Callable[..., None])
SCHEDULED: dict[str, Callable[..., None]] = {}


def scheduled(name: str) -> Callable[[Work], Work]:
    """Register `def work(world, **args)` under the name used by `world.schedule(at, name, **args)`."""

    def mark(work: Work) -> Work:
        SCHEDULED[name] = work
        return work

    return mark
