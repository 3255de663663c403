"""A circuit breaker for Stripe: while it is down, calls fail at once instead of waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MAX_FAILURES = 5
PAUSE = 10.0  # seconds


class Circuit:
    """Opens for ten seconds after five consecutive failures; then a single trial call decides. One per process.

    `monotonic` returns seconds that never decrease. Thread-safe.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._trying = False

    def allows_call(self) -> bool:
        """Whether a call may be made. If so, the caller must report it with `record_outcome`."""
        with self._lock:
            if self._opened_at is None:
                return True
            if self._trying or self._monotonic() - self._opened_at < PAUSE:
                return False
            self._trying = True
            return True

    def record_outcome(self, *, ok: bool) -> None:
        """Record the outcome of a call; any response other than a server failure is ok."""
        with self._lock:
            if ok:
                self._failures, self._opened_at = 0, None
            else:
                self._failures += 1
                if self._failures >= MAX_FAILURES:
                    self._opened_at = self._monotonic()
            self._trying = False
