"""What day it is for the tests: one instant, the same on every day that they run on, and the clock that stands at it.

`make test-dates` sets TEST_NOW and so moves the tests to the days that calendars trip over.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.kit.periods import MONTH, boundary

WRITTEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""Where a test stands whose dates are written out, whatever TEST_NOW says."""

NOON = datetime.fromisoformat(os.environ.get("TEST_NOW") or WRITTEN.isoformat()).astimezone(UTC)
"""Where every other test stands, business clock and wall clock alike."""


def months_later(count: int) -> datetime:
    """When so many months have passed of what begins at NOON, as Stripe and our periods count them."""
    return boundary(NOON, count, "UTC", MONTH)


class FixedClock:
    """A clock that moves only when told to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move forward; `ValueError` if `by` is negative."""
        if by < timedelta(0):
            raise ValueError("a clock cannot go back")
        self.at += by


def start_at(clock_file: Path, at: datetime = NOON) -> None:
    """Let the business clock of an installation that has not started yet begin at `at`."""
    clock_file.parent.mkdir(parents=True, exist_ok=True)
    offset = at - datetime.now(UTC)
    clock_file.write_text(f"{offset.total_seconds():.6f}\n", encoding="ascii")
