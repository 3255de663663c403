"""Background tasks: fold roll-ups, settle counters, create partitions ahead of time, remove expired rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from app.metering.partitions import ensure_partitions, remove_expired
from app.metering.rollups.fold import fold_rollups
from app.metering.verification import move
from app.subscriptions import periods
from app.web.database import transaction
from app.web.runtime import business_now
from app.web.sweeps import run_each

FOLD_SECONDS = SETTLE_SECONDS = 30.0


def fold_due(seconds: float = FOLD_SECONDS) -> int:
    """Fold in steps, each in its own transaction, until nothing is due or time is up; returns the events folded."""
    until = time.monotonic() + seconds
    folded, more = 0, True
    while more and time.monotonic() < until:
        with transaction() as session:
            step = fold_rollups(session, business_now())
        folded, more = folded + step.events, step.more
    return folded


def settle_due() -> None:
    """Settle the counters that moved boundaries left unsettled. Safe to repeat and to race.

    Each slice and each counter has its own transaction: a failure is logged and retried in the next run, and so is what
    half a minute was too short for.
    """
    with transaction() as session:
        due = move.list_unsettled(session)
    until = time.monotonic() + SETTLE_SECONDS
    run_each(takewhile(lambda _: time.monotonic() < until, due), _settle, "counter not settled")


def _settle(counter: move.UnsettledCounter) -> None:
    with transaction() as session:
        reading = move.begin(session, counter)
    for since, until in counter.slices():
        if reading.done:
            break
        with transaction() as session:
            reading.read(session, since, until)
    with transaction() as session:
        periods.lock_usage(session, counter.org_id)
        move.write(session, reading)


TASKS: dict[str, Callable[..., Any]] = {
    "metering.fold": fold_due,
    "metering.partitions": ensure_partitions,
    "metering.settle": settle_due,
    "metering.sweep": remove_expired,
}
SWEEPS = ("metering.partitions", "metering.settle", "metering.sweep")
PERIODIC: list[tuple[str, str]] = [
    ("* * * * * */10", "metering.fold"),
    ("* * * * *", "metering.settle"),
    ("17 2 * * *", "metering.partitions"),
    ("27 * * * *", "metering.sweep"),
]
