"""Questions of one moment travel together; each asker gets its own answer, and a bad question spoils no other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock

import psycopg
import pytest

from app.kit.errors import Unavailable
from app.kit.query_coalescer import QueryCoalescer

SECONDS = 10


class Road:
    """Answers n with 2n, remembers each trip, and holds the first one back until it is let go."""

    def __init__(self) -> None:
        self.trips: list[list[int]] = []
        self.under_way = Event()
        self.go = Event()
        self.closed = False

    def __call__(self, asked: Sequence[int]) -> list[int]:
        self.trips.append(list(asked))
        self.under_way.set()
        assert self.go.wait(SECONDS)
        if self.closed:
            raise Unavailable("The database is away.")
        if any(each < 0 for each in asked):
            raise psycopg.DataError("no negative numbers")
        return [2 * each for each in asked]


@pytest.fixture
def road() -> Road:
    return Road()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def meanwhile(road: Road, threads: ThreadPoolExecutor, *asked: int) -> list[Future[int]]:
    """Ask 1, and the others while that trip is under way; then let it go."""
    together = QueryCoalescer(road)
    futures = [threads.submit(together.run, 1)]
    assert road.under_way.wait(SECONDS)
    futures += [threads.submit(together.run, each) for each in asked]
    while len(together._open_batch.queries if together._open_batch else ()) < len(asked):
        time.sleep(0.001)
    road.go.set()
    return futures


def test_who_asks_alone_is_answered_at_once(road: Road) -> None:
    road.go.set()
    assert QueryCoalescer(road).run(21) == 42
    assert road.trips == [[21]]


def test_all_who_come_during_a_trip_share_the_next(road: Road, threads: ThreadPoolExecutor) -> None:
    futures = meanwhile(road, threads, 2, 3, 4)
    assert [future.result(SECONDS) for future in futures] == [2, 4, 6, 8]
    assert [sorted(trip) for trip in road.trips] == [[1], [2, 3, 4]]


def test_a_bad_question_fails_alone(road: Road, threads: ThreadPoolExecutor) -> None:
    first, second, bad, fourth = meanwhile(road, threads, 2, -3, 4)
    assert [future.result(SECONDS) for future in (first, second, fourth)] == [2, 4, 8]
    with pytest.raises(psycopg.DataError, match="no negative numbers"):
        bad.result(SECONDS)


def test_an_absent_database_is_told_to_all_with_one_try(road: Road, threads: ThreadPoolExecutor) -> None:
    road.closed = True
    for future in meanwhile(road, threads, 2, 3, 4):
        with pytest.raises(Unavailable, match="The database is away"):
            future.result(SECONDS)
    assert len(road.trips) == 2


def test_the_road_is_free_again_after_a_failure(road: Road) -> None:
    road.go.set()
    together = QueryCoalescer(road)
    with pytest.raises(psycopg.DataError):
        together.run(-1)
    assert together.run(5) == 10


def test_many_threads_each_get_their_own_answers_from_one_trip_at_a_time(threads: ThreadPoolExecutor) -> None:
    busy = Lock()

    def answer(asked: Sequence[int]) -> list[int]:
        assert busy.acquire(blocking=False), "two trips at once"
        time.sleep(0.0001)
        busy.release()
        return [2 * each for each in asked]

    together = QueryCoalescer(answer)
    assert list(threads.map(together.run, range(5000))) == [2 * number for number in range(5000)]
