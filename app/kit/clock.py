"""The two clocks. Doors read them and pass instants down; nothing else in `app` asks for the time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_LOOK_EVERY = 0.02


class Clock(Protocol):
    """Gives the present instant in UTC with microseconds."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock: rules sessions, tokens, signatures, rate limits, queue backoff."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands where it is put; for tests and for replays."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move forward; never backward."""
        if by < timedelta(0):
            raise ValueError("a clock does not go back")
        self.at += by


class OffsetClock:
    """The machine's clock plus the seconds written in a file: the sandbox's movable business clock.

    Every process of an installation reads the same small file, so they move together, within `_LOOK_EVERY` seconds. No
    file: no offset.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self._seen: tuple[int, int] | None = None
        self._offset = timedelta(0)
        self._looked = -_LOOK_EVERY

    def now(self) -> datetime:
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._read()
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> datetime:
        """Add to the offset; returns the new now."""
        if by < timedelta(0):
            raise ValueError("a clock does not go back")
        total = self._read() + by
        new = self.path.with_suffix(".new")
        new.write_text(f"{total.total_seconds():.6f}\n", encoding="ascii")
        new.replace(self.path)
        return datetime.now(UTC) + self._read()

    def _read(self) -> timedelta:
        self._looked = time.monotonic()
        try:
            stat = os.stat(self._name)  # noqa: PTH116  # a Path takes three times as long
        except FileNotFoundError:
            self._seen, self._offset = None, timedelta(0)
            return self._offset
        seen = (stat.st_mtime_ns, stat.st_ino)
        if seen != self._seen:
            self._offset = timedelta(seconds=float(self.path.read_text(encoding="ascii")))
            self._seen = seen
        return self._offset


@dataclass(frozen=True)
class Clocks:
    """`business` rules periods, events, invoices, leases; `wall` rules sessions, tokens, limits of requests."""

    business: Clock
    wall: Clock
