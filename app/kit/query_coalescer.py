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
A = TypeVar("A")


class _Batch(Generic[Q, A]):
    """`done` is locked until the answers are in; without answers, every query runs alone."""

    def __init__(self) -> None:
        self.questions: list[Q] = []
        self.answers: Sequence[A] | None = None
        self.unavailable: Unavailable | None = None
        self.done = Lock()
        self.done.acquire()


class QueryCoalescer(Generic[Q, A]):
    """`answer` receives questions and returns their answers in order. It must not write: it may run twice.

    If the database is down, every query of the batch raises `Unavailable`. If it reports an error, nobody knows which
    question caused it, so every query runs alone.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self._answer = answer
        self._mutex = Lock()
        self._running = Lock()
        self._open_batch: _Batch[Q, A] | None = None

    def ask(self, question: Q) -> A:
        """Answer one question; raises what `answer` raises for it."""
        with self._mutex:
            batch = self._open_batch = self._open_batch or _Batch()
            position = len(batch.questions)
            batch.questions.append(question)
        if position == 0:
            self._run(batch)
        else:
            with batch.done:
                pass
        if batch.unavailable is not None:
            raise Unavailable(batch.unavailable.detail) from batch.unavailable
        return self._answer([question])[0] if batch.answers is None else batch.answers[position]

    def _run(self, batch: _Batch[Q, A]) -> None:
        """Run the batch in its first caller's thread, after the previous batch has finished."""
        with self._running:
            time.sleep(0)  # let threads that are about to ask join, or they would wait for this whole batch
            with self._mutex:
                self._open_batch = None
            try:
                batch.answers = self._answer(batch.questions)
            except Unavailable as unavailable:
                batch.unavailable = unavailable
            except psycopg.Error:
                pass  # every query runs alone
            finally:
                batch.done.release()
