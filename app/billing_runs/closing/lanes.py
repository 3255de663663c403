"""Rates many periods in batches: few of them here, many in processes, since one interpreter is what bounds a close.

Must not know Flask: the caller says how a transaction is opened, or where the database is.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import BinaryIO, cast

import msgspec
import structlog

from app.billing_runs.closing.lane_process import Done, Door, Start, Work, rate_batch
from app.billing_runs.closing.rate import RatedPeriods
from app.kit.batches import batched
from app.settings import PROJECT
from app.subscriptions.close import PeriodKey

TOGETHER = 250
"""Periods that are rated in one transaction. Usage of their orgs waits for it: about a tenth of a second."""
LANES = 3
"""On two cores: while one computes and the database writes for another, the third is not left waiting for the disk."""
MANY = 1_000
"""Periods that are worth the second in which the processes start."""

log = structlog.get_logger()


def rate_here(door: Door, keys: Sequence[PeriodKey], now: datetime, together: int = TOGETHER) -> RatedPeriods:
    """Close usage periods, many a transaction, in the order of the keys.

    A batch that failed is in neither part of the answer, like a period whose org was busy: close those one by one.
    """
    return _join(rate_batch(door, some, now) for some in batched(keys, together))


class Lanes:
    """Processes that rate periods side by side, each with a connection of its own. They start when first needed.

    `many`: how many periods they are worth their start for.
    """

    def __init__(self, url: str, statement_limit: timedelta | None, many: int = MANY) -> None:
        self.many = many
        self._first = Start(url, None if statement_limit is None else statement_limit.total_seconds())
        self._lanes: list[_Lane] = []

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in self._lanes:
            lane.close()
        self._lanes = []

    def start(self) -> None:
        """Start what does not run, or died, and wait until it is ready."""
        for dead in [lane for lane in self._lanes if not lane.runs()]:
            dead.close()
            self._lanes.remove(dead)
        new = LANES - len(self._lanes)
        for _ in range(new):
            self._lanes.append(_Lane(self._first))
        for lane in self._lanes[-new:] if new else ():
            lane.receive()

    def rate(self, keys: Sequence[PeriodKey], now: datetime) -> RatedPeriods:
        """As `rate_here`. All periods of an org are in one lane, in the order of the keys.

        Where no process can be started, nothing is rated: a close one by one is slower, and not stopped.
        """
        try:
            self.start()
        except OSError as error:
            log.warning("the lanes of a close cannot start", error=str(error))
            return RatedPeriods([], {})
        shares = [[key for key in keys if key.org_id.int % LANES == number] for number in range(LANES)]
        with ThreadPoolExecutor(LANES, "lane") as threads:
            return _join(threads.map(partial(_Lane.rate, now=now), self._lanes, shares))


class _Lane:
    """A process, and the pipes to it and back."""

    def __init__(self, first: Start) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.billing_runs.closing.lane_process"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the parent, which ends it when its runs are done
        )
        self._incoming, self._outgoing = cast("BinaryIO", self._process.stdin), cast("BinaryIO", self._process.stdout)
        self._send(first)

    def runs(self) -> bool:
        return self._process.poll() is None

    def rate(self, keys: Sequence[PeriodKey], now: datetime) -> RatedPeriods:
        return _join(self._ask(some, now) for some in batched(keys, TOGETHER))

    def receive(self) -> bytes:
        """The next answer; empty if it died."""
        return self._outgoing.readline()

    def close(self) -> None:
        """It ends with its input."""
        self._process.communicate()

    def _ask(self, keys: Sequence[PeriodKey], now: datetime) -> RatedPeriods:
        """Have a batch rated. Of a process that died nobody knows whether it did: to close them again does no harm."""
        try:
            self._send(Work(list(keys), now))
            done = msgspec.json.decode(self.receive(), type=Done)
        except (OSError, msgspec.DecodeError):
            return RatedPeriods([], {})
        return RatedPeriods([keys[n] for n in done.closed], {keys[n]: why for n, why in done.waiting.items()})

    def _send(self, message: Start | Work) -> None:
        self._incoming.write(msgspec.json.encode(message) + b"\n")
        self._incoming.flush()


def _join(done: Iterable[RatedPeriods]) -> RatedPeriods:
    closed: list[PeriodKey] = []
    waiting: dict[PeriodKey, str] = {}
    for each in done:
        closed += each.closed
        waiting.update(each.waiting)
    return RatedPeriods(closed, waiting)
