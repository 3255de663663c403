"""The two clocks. Entry points read them and pass instants down; nothing else in `app` reads the time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_REFRESH_SECONDS = 0.02


class Clock(Protocol):
    """Returns the current time in UTC with microseconds."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock: for sessions, tokens, signatures, rate limits and queue backoff."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class OffsetClock:
    """The machine's clock plus an offset in seconds kept in a file: the sandbox's movable business clock.

    Every process of an installation reads the same small file, so all move together, within `_REFRESH_SECONDS`. No file
    means no offset.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self._file_version: tuple[int, int] | None = None
        self._offset = timedelta(0)
        self._read_at = -_REFRESH_SECONDS

    def now(self) -> datetime:
        if time.monotonic() - self._read_at >= _REFRESH_SECONDS:
            self._read()
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> datetime:
        """Add to the offset; return the new time."""
        if by < timedelta(0):
            raise ValueError("a clock cannot go back")
        total = self._read() + by
        new = self.path.with_suffix(".new")
        new.write_text(f"{total.total_seconds():.6f}\n", encoding="ascii")
        new.replace(self.path)
        return datetime.now(UTC) + self._read()

    def _read(self) -> timedelta:
        self._read_at = time.monotonic()
        try:
            stat = os.stat(self._name)  # noqa: PTH116  # Path.stat() takes three times as long
        except FileNotFoundError:
            self._file_version, self._offset = None, timedelta(0)
            return self._offset
        file_version = (stat.st_mtime_ns, stat.st_ino)
        if file_version != self._file_version:
            self._offset = timedelta(seconds=float(self.path.read_text(encoding="ascii")))
            self._file_version = file_version
        return self._offset


@dataclass(frozen=True)
class Clocks:
    """`business` governs periods, events, invoices and leases; `wall` governs sessions, tokens and rate limits."""

    business: Clock
    wall: Clock
