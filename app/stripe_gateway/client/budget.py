"""Limits how long a page waits for Stripe and how many pages wait at once. The worker has wider limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.stripe_gateway.client.transport import Limits
from app.stripe_gateway.errors import StripeAway

CONNECT, READ = 0.2, 0.8  # shares of a page's budget: of the usual five seconds, one to connect, four to read
PATIENT = Limits(connect=3.05, read=20.0)
CONCURRENT = 2  # pages per process that may call Stripe: half of its threads, so the rest keep metering
QUEUED = 1  # pages that may wait for a slot or an org's lock; the next fails at once, so one thread is free to meter
SLOT_WAIT = 1.0  # seconds a page queues for a slot; Stripe at its usual pace is done by then
MIN_CALL = 0.2  # seconds; no call is started with less budget left

_deadline: ContextVar[float | None] = ContextVar("stripe_deadline", default=None)
_has_slot: ContextVar[bool] = ContextVar("stripe_slot", default=False)


class Budget:
    """The time budget of a gateway's pages. One per gateway; thread-safe. A patient gateway has no limit or slots."""

    def __init__(self, page: float, *, patient: bool) -> None:
        self._patient = patient
        self._page = page
        self._slots = threading.BoundedSemaphore(CONCURRENT)
        self._queue = threading.BoundedSemaphore(QUEUED)

    @contextmanager
    def limit(self, seconds: float | None = None) -> Iterator[None]:
        """Let all that this thread does in the block share one page's budget, waiting for a lock included."""
        outer = _deadline.get()
        deadline = time.monotonic() + (self._page if seconds is None else seconds)
        token = _deadline.set(deadline if outer is None else min(deadline, outer))
        try:
            yield
        finally:
            _deadline.reset(token)

    @contextmanager
    def spend(self, seconds: float | None = None) -> Iterator[None]:
        """Limit the block's calls as `limit` does and take a slot of the process; `StripeAway` if none frees up."""
        if self._patient or _has_slot.get():
            with self.limit(seconds):
                yield
            return
        if not self._acquire_slot():
            raise StripeAway(sent=False)
        token = _has_slot.set(True)
        try:
            with self.limit(seconds):
                yield
        finally:
            _has_slot.reset(token)
            self._slots.release()

    @contextmanager
    def wait(self) -> Iterator[bool]:
        """Count this thread among the pages that wait for a slot or a lock; yields False if enough do already."""
        admitted = self._patient or self._queue.acquire(blocking=False)
        try:
            yield admitted
        finally:
            if admitted and not self._patient:
                self._queue.release()

    def _acquire_slot(self) -> bool:
        if self._slots.acquire(blocking=False):
            return True
        with self.wait() as admitted:
            return admitted and self._slots.acquire(timeout=SLOT_WAIT)

    def check(self) -> None:
        """Raise `StripeAway` when too little budget is left to start a call."""
        if not self._patient and self._remaining() < MIN_CALL:
            raise StripeAway(sent=False)

    def limits(self) -> Limits:
        """The time limits of a call that starts now."""
        if self._patient:
            return PATIENT
        remaining = max(self._remaining(), MIN_CALL)
        return Limits(min(CONNECT * self._page, remaining), min(READ * self._page, remaining), remaining)

    def _remaining(self) -> float:
        deadline = _deadline.get()
        return self._page if deadline is None else max(0.0, min(self._page, deadline - time.monotonic()))
