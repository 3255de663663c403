"""Coalesces concurrent queries into one round trip.

On a busy process a round trip costs more than its query: the sleep, the wake-up, and the cold caches afterwards. So
only one batch runs at a time, and the next one collects every query that arrives until it starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

import psycopg

from app.kit.errors import Unavailable

Q = TypeVar("Q")
R = TypeVar("R")


class _Batch(Generic[Q, R]):
    """`done` is locked until the results are in; without results, every query runs alone."""

    def __init__(self) -> None:
        self.queries: list[Q] = []
        self.results: Sequence[R] | None = None
        self.unavailable: Unavailable | None = None
        self.done = Lock()
        self.done.acquire()


class QueryCoalescer(Generic[Q, R]):
    """`run_queries` takes queries and returns their results in order. It must not write: it may run twice.

    If the database is down, every query of the batch raises `Unavailable`. If it reports an error, nobody knows which
    query caused it, so every query runs alone.
    """

    def __init__(self, run_queries: Callable[[Sequence[Q]], Sequence[R]]) -> None:
        self._run_queries = run_queries
        self._mutex = Lock()
        self._running = Lock()
        self._open_batch: _Batch[Q, R] | None = None

    def run(self, query: Q) -> R:
        """Return the result of one query; raises what `run_queries` raises for it."""
        with self._mutex:
            batch = self._open_batch = self._open_batch or _Batch()
            position = len(batch.queries)
            batch.queries.append(query)
        if position == 0:
            self._run_batch(batch)
        else:
            with batch.done:
                pass
        if batch.unavailable is not None:
            raise Unavailable(batch.unavailable.detail) from batch.unavailable
        return self._run_queries([query])[0] if batch.results is None else batch.results[position]

    def _run_batch(self, batch: _Batch[Q, R]) -> None:
        """Run the batch in its first caller's thread, after the previous batch has finished."""
        with self._running:
            time.sleep(0)  # let threads that are about to ask join, or they would wait for this whole batch
            with self._mutex:
                self._open_batch = None
            try:
                batch.results = self._run_queries(batch.queries)
            except Unavailable as unavailable:
                batch.unavailable = unavailable
            except psycopg.Error:
                pass  # every query runs alone
            finally:
                batch.done.release()
