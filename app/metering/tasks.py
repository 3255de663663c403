"""Background tasks of metering: fold roll-ups, create partitions ahead of time, remove expired rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from app.metering.partitions import ensure_partitions, remove_expired
from app.metering.rollups.fold import fold_rollups
from app.web.database import transaction
from app.web.runtime import business_now

FOLD_SECONDS = 30.0


def fold_due(seconds: float = FOLD_SECONDS) -> int:
    """Fold in steps, each in its own transaction, until nothing is due or time is up; returns the events folded."""
    until = time.monotonic() + seconds
    folded, more = 0, True
    while more and time.monotonic() < until:
        with transaction() as session:
            step = fold_rollups(session, business_now())
        folded, more = folded + step.events, step.more
    return folded


TASKS: dict[str, Callable[..., Any]] = {
    "metering.fold": fold_due,
    "metering.partitions": ensure_partitions,
    "metering.sweep": remove_expired,
}
PERIODIC: list[tuple[str, str]] = [
    ("* * * * * */10", "metering.fold"),
    ("17 2 * * *", "metering.partitions"),
    ("27 * * * *", "metering.sweep"),
]
