"""How long a page waits for Stripe, and how many pages do so at once; the worker's time limits are wider."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.stripe_gateway.errors import StripeAway
from app.stripe_gateway.transport import Limits

CONNECT, READ = 0.2, 0.8  # of a page's seconds: one to connect, four to read of the usual five
PATIENT = Limits(connect=3.05, read=20.0)
AT_ONCE = 2  # pages of one process that may wait for Stripe: half of its threads, so that the rest go on metering
WAITING = 1  # pages that may wait for a turn besides; the next is told at once, so that one thread always meters
TURN = 1.0  # seconds that a page waits for its turn; Stripe at its usual pace is done by then
LEAST = 0.2  # seconds of a budget below which a call is not begun

_deadline: ContextVar[float | None] = ContextVar("stripe_deadline", default=None)


class Budget:
    """The seconds of a gateway's pages. One a gateway; safe between threads. The patient have no end and no turns."""

    def __init__(self, page: float, *, patient: bool) -> None:
        self._patient = patient
        self._page = page
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._queue = threading.BoundedSemaphore(WAITING)

    @contextmanager
    def spend(self, seconds: float | None = None) -> Iterator[None]:
        """All calls of this thread within the block share a page's seconds; `StripeAway` when no turn comes up."""
        outer = _deadline.get()
        turn = outer is None and not self._patient
        if turn and not self._take_turn():
            raise StripeAway(sent=False)
        ours = time.monotonic() + (self._page if seconds is None else seconds)
        mark = _deadline.set(ours if outer is None else min(ours, outer))
        try:
            yield
        finally:
            _deadline.reset(mark)
            if turn:
                self._turns.release()

    def _take_turn(self) -> bool:
        if self._turns.acquire(blocking=False):
            return True
        if not self._queue.acquire(blocking=False):
            return False
        try:
            return self._turns.acquire(timeout=TURN)
        finally:
            self._queue.release()

    def check(self) -> None:
        """Raise `StripeAway` when too little is left to begin a call."""
        if not self._patient and self._left() < LEAST:
            raise StripeAway(sent=False)

    def limits(self) -> Limits:
        """The time limits of a call that begins now."""
        if self._patient:
            return PATIENT
        left = max(self._left(), LEAST)
        return Limits(min(CONNECT * self._page, left), min(READ * self._page, left), left)

    def _left(self) -> float:
        ends = _deadline.get()
        return self._page if ends is None else max(0.0, min(self._page, ends - time.monotonic()))
