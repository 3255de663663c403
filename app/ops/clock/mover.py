"""The mover: takes the business clock forward one due instant at a time, and goes on only when all is quiet there.

Its places say what is due and what is not quiet yet: the stand-in for Stripe and the portal's queue. It knows neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.05
"""Between two looks; longer than a process goes without reading the clock's file."""


class MovableClock(Protocol):
    """The business clock of a sandbox."""

    def now(self) -> datetime: ...

    def advance(self, by: timedelta) -> object: ...


class Place(Protocol):
    """Where work falls due by the business clock."""

    def next_due(self, after: datetime, until: datetime) -> datetime | None:
        """The earliest instant in (after, until] at which something is due, as far as is known now."""

    def arrive(self) -> None:
        """The clock has come to an instant."""

    def settle(self) -> list[str]:
        """Do what is due, or wait for who does it; name what was not quiet. Empty: there was nothing to do."""


class Stopped(Exception):
    """The clock stands at `at`, before its target, because of `what`."""

    def __init__(self, at: datetime, what: Sequence[str]) -> None:
        self.at, self.what = at, tuple(what)
        super().__init__(f"{at.isoformat(timespec='seconds')}: {', '.join(what)}")


def pause_briefly() -> None:
    """Let the others work."""
    time.sleep(PAUSE_SECONDS)


def look_away() -> None:
    """Do nothing when all is quiet."""


@dataclass(frozen=True)
class Mover:
    """`patience` is for each instant, `limit` for the whole move, both in seconds of the machine's time.

    `look` is called at each instant once it is quiet; `pause` between two looks at the places.
    """

    clock: MovableClock
    places: Sequence[Place]
    patience: float = PATIENCE_SECONDS
    limit: float | None = None
    look: Callable[[], None] = look_away
    pause: Callable[[], None] = pause_briefly

    def move(self, target: datetime) -> None:
        """Move the clock to `target`, by way of every instant at which something is due; the present one is the first.

        Raises `Stopped` at the first instant that is not quiet in time, or when the limit is reached.
        """
        began = time.monotonic()
        self._settle()
        while (now := self.clock.now()) < target:
            if self.limit is not None and time.monotonic() - began > self.limit:
                raise Stopped(now, [f"a move takes at most {self.limit:g} seconds"])
            self.clock.advance(max(self._next(now, target) - self.clock.now(), timedelta(0)))
            self.pause()
            self._settle()

    def _next(self, now: datetime, target: datetime) -> datetime:
        known = (place.next_due(now, target) for place in self.places)
        return min((at for at in known if at is not None), default=target)

    def _settle(self) -> None:
        """Ask all places in turn until none of them had anything to do."""
        deadline = time.monotonic() + self.patience
        for place in self.places:
            place.arrive()
        while busy := [words for place in self.places for words in place.settle()]:
            if time.monotonic() > deadline:
                raise Stopped(self.clock.now(), busy)
            self.pause()
        self.look()
