"""Background work of metering: roll-ups folded forward, partitions ahead of time, removal of what is past keeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from app.metering.partitions import make_partitions, sweep
from app.metering.rollups.fold import fold
from app.web.database import transaction
from app.web.runtime import business_now

FOLD_SECONDS = 30.0


def catch_up(seconds: float = FOLD_SECONDS) -> int:
    """Fold step by step until nothing is due or the time is up, a transaction each; returns the events folded."""
    until = time.monotonic() + seconds
    folded, more = 0, True
    while more and time.monotonic() < until:
        with transaction() as session:
            step = fold(session, business_now())
        folded, more = folded + step.events, step.more
    return folded


TASKS: dict[str, Callable[..., Any]] = {
    "metering.fold": catch_up,
    "metering.partitions": make_partitions,
    "metering.sweep": sweep,
}
PERIODIC: list[tuple[str, str]] = [
    ("* * * * * */10", "metering.fold"),
    ("17 2 * * *", "metering.partitions"),
    ("27 * * * *", "metering.sweep"),
]
