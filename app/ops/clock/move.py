"""One move of the sandbox's clock, for the bar and the command alike. There is never more than one at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.kit.clock import OffsetClock
from app.ops.clock.mover import PATIENCE_SECONDS, Mover, Place, look_away, pause_briefly
from app.ops.clock.portal import find_portal
from app.ops.clock.stripe_sandbox import StripeSandbox
from app.web.database import end_read_transaction
from app.web.runtime import runtime


@dataclass
class Patience:
    """How long an instant may take to become quiet, in seconds; an app has one."""

    seconds: float = PATIENCE_SECONDS


class Moving(Exception):
    """Somebody else moves the clock right now."""


def move_clock(
    clock: OffsetClock,
    target: datetime,
    *,
    limit: float | None = None,
    look: Callable[[], None] = look_away,
    pause: Callable[[], None] = pause_briefly,
) -> datetime:
    """Move the clock to `target` by way of every due instant; return the time that it then shows.

    `limit`, `look` and `pause` are the mover's.

    Raises `Moving`, or `Stopped` where an instant was not quiet or `limit` seconds were not enough.
    """
    end_read_transaction()
    patience = runtime().shared(Patience).seconds
    with _alone(clock.path.with_suffix(".lock")):
        Mover(clock, _places(), patience, limit, look, pause).move(target)
    return clock.now()


def _places() -> list[Place]:
    """Stripe first: what it tells is then in the queue."""
    stripe, portal = runtime().settings.stripe_sandbox_url, find_portal()
    return [StripeSandbox(stripe), portal] if stripe else [portal]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold the lock of all processes that share the clock's file; the system lets go of it when one dies."""
    with lock.open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Moving from None
        yield
