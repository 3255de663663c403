"""Questions that threads ask at one moment travel together: one trip to the database answers all of them.

On a busy process a trip costs more than its answer: the sleep, the waking, and what the processor forgets meanwhile. So
one trip is under way at a time, and the next one takes all who come until it sets out.
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
    """`arrived` is held until the answers are there; without answers each asks alone."""

    def __init__(self) -> None:
        self.asked: list[Q] = []
        self.answers: Sequence[A] | None = None
        self.away: Unavailable | None = None
        self.arrived = Lock()
        self.arrived.acquire()


class QueryCoalescer(Generic[Q, A]):
    """`answer` takes questions and gives their answers in that order; it changes nothing, so it may be run again.

    When the database is away, all of a trip are told. When it refuses, nobody knows whose question was wrong: each
    then asks alone.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self._answer = answer
        self._door = Lock()
        self._road = Lock()
        self._boarding: _Batch[Q, A] | None = None

    def ask(self, asked: Q) -> A:
        """The answer to one question; raises what `answer` raises for it."""
        with self._door:
            trip = self._boarding = self._boarding or _Batch()
            place = len(trip.asked)
            trip.asked.append(asked)
        if place == 0:
            self._travel(trip)
        else:
            with trip.arrived:
                pass
        if trip.away is not None:
            raise Unavailable(trip.away.detail) from trip.away
        return self._answer([asked])[0] if trip.answers is None else trip.answers[place]

    def _travel(self, trip: _Batch[Q, A]) -> None:
        """The first of a trip asks for all of it, once the trip before is back."""
        with self._road:
            time.sleep(0)  # who is just about to ask comes along; else it would wait for the whole of this trip
            with self._door:
                self._boarding = None
            try:
                trip.answers = self._answer(trip.asked)
            except Unavailable as away:
                trip.away = away
            except psycopg.Error:
                pass  # each asks alone
            finally:
                trip.arrived.release()
