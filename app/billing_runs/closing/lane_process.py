"""One lane of a close: `python -m app.billing_runs.closing.lane_process` rates the batches that its parent sends.

It reads a `Start` and then `Work` from its standard input, one JSON object a line, and writes a `Done` for each.
It ends with its input, so it outlives its parent by a batch at most.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import BinaryIO
from uuid import UUID

import msgspec
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.billing_runs.closing.rate import RatedPeriods, rate_periods
from app.kit.db import engine_options, limit_waits
from app.kit.errors import DomainError
from app.subscriptions.close import PeriodKey

Door = Callable[[], AbstractContextManager[Session]]
"""Opens a transaction."""


class Start(msgspec.Struct):
    """The database, and the limit of a statement in seconds. Sent, not given as arguments: the URL has a password."""

    url: str
    statement_limit: float | None


class Work(msgspec.Struct):
    """Periods to rate in one transaction: org and start of each."""

    keys: list[tuple[UUID, datetime]]
    now: datetime


class Done(msgspec.Struct):
    """The numbers of those that were closed, and why others wait."""

    closed: list[int]
    waiting: dict[int, str]


def main(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Rate what comes in until nothing does."""
    door = _open_door(msgspec.json.decode(incoming.readline(), type=Start))
    _answer(outgoing, Done([], {}))
    for line in incoming:
        work = msgspec.json.decode(line, type=Work)
        keys = [PeriodKey(*key) for key in work.keys]
        _answer(outgoing, _number(keys, rate_batch(door, keys, work.now)))


def rate_batch(door: Door, keys: Sequence[PeriodKey], now: datetime) -> RatedPeriods:
    """Close periods in one transaction; a busy org's, and all where it fails, are in neither part of the answer."""
    try:
        with door() as session:
            return rate_periods(session, keys, now, wait=False)
    except (DomainError, SQLAlchemyError):
        return RatedPeriods([], {})


def _open_door(start: Start) -> Door:
    limit = None if start.statement_limit is None else timedelta(seconds=start.statement_limit)
    engine = create_engine(start.url, **{**engine_options(limit), "pool_size": 1})
    limit_waits(engine, limit)
    return sessionmaker(engine).begin


def _number(keys: Sequence[PeriodKey], done: RatedPeriods) -> Done:
    numbers = {key: number for number, key in enumerate(keys)}
    return Done([numbers[key] for key in done.closed], {numbers[key]: why for key, why in done.waiting.items()})


def _answer(outgoing: BinaryIO, done: Done) -> None:
    outgoing.write(msgspec.json.encode(done) + b"\n")
    outgoing.flush()


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # what anything prints is no answer
    main(sys.stdin.buffer, answers)
