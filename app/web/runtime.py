"""What a running app needs: settings, clocks, the hot pool. Stored on the app, never in a module."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from flask import current_app
from werkzeug.local import LocalProxy

from app.kit.clock import Clocks
from app.kit.postgres.pool import HotPool
from app.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Runtime:
    """Created once, by the factory. `started_at` is business time: it is compared with when rows were written."""

    settings: Settings
    clocks: Clocks
    pool: HotPool
    started_at: datetime
    _shared: dict[type, Any] = field(default_factory=dict)

    def shared(self, kind: type[T]) -> T:
        """The app's only object of a class, such as a cache; created without arguments when first asked for."""
        found = self._shared.get(kind)
        return cast("T", self._shared.setdefault(kind, kind()) if found is None else found)


def runtime() -> Runtime:
    """The running app's runtime."""
    current: Runtime = current_app.extensions["tollkeeper"]
    return current


def resolve(proxy: T) -> T:
    """The object behind one of Flask's proxies, for code that uses it often: each use of a proxy looks it up."""
    behind: T = cast("LocalProxy[T]", proxy)._get_current_object()
    return behind


def business_now() -> datetime:
    """The business clock's time: for periods, events, invoices and leases."""
    return runtime().clocks.business.now()


def wall_now() -> datetime:
    """The wall clock's time: for sessions, tokens and rate limits."""
    return runtime().clocks.wall.now()
