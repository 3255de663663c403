"""The fuse before Stripe: when it is away, whoever comes next is told at once instead of waiting too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FAILURES = 5
PAUSE = 10.0  # seconds


class Circuit:
    """Opens after five failures in a row, for ten seconds; then one call goes through and decides. One a process.

    `monotonic` gives seconds that never go back. Safe between threads.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._trying = False

    def lets_through(self) -> bool:
        """Whether a call may be made; a caller who is let through must say how it ended."""
        with self._lock:
            if self._opened_at is None:
                return True
            if self._trying or self._monotonic() - self._opened_at < PAUSE:
                return False
            self._trying = True
            return True

    def ended(self, *, well: bool) -> None:
        """Tell how a call ended: any answer but a server's failure is well."""
        with self._lock:
            if well:
                self._failures, self._opened_at = 0, None
            else:
                self._failures += 1
                if self._failures >= FAILURES:
                    self._opened_at = self._monotonic()
            self._trying = False
