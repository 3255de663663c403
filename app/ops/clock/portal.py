"""The portal's queue and sweeps, as the mover sees them: done by the worker, or here where no worker runs."""

from __future__ import annotations

from datetime import datetime
from itertools import chain

import structlog

from app.kit import queue_work
from app.kit.queue import defer
from app.kit.queue_work import Job
from app.ops import tasks
from app.ops.clock.mover import Place
from app.web.database import discard_failed_transaction, transaction

SILENT_SECONDS = 15.0
"""A worker that was not heard of for so long does not run."""
_TASKS = dict(chain.from_iterable(room.TASKS.items() for room in (*tasks.ROOMS, tasks)))

log = structlog.get_logger()


class PortalQueue:
    """The instants of which the portal's rows know."""

    def next_due(self, after: datetime, until: datetime) -> datetime | None:
        """The earliest instant at which a row of ours falls due."""
        return tasks.next_due(after, until)


class WorkedQueue(PortalQueue):
    """The worker does it; we wait. Quiet: the sweeps have run, nothing is ready, and nothing was queued after them."""

    _swept = 0

    def arrive(self) -> None:
        """The sweeps must run once more."""
        self._swept = 0

    def settle(self) -> list[str]:
        """Queue the sweeps whenever the queue is empty and something was queued since they were."""
        with transaction() as session:
            undone = queue_work.list_undone(session, also=self._swept)
            if not undone and (not self._swept or queue_work.newest(session) != self._swept):
                self._swept = defer(session, tasks.SWEEP)
                return [f"{tasks.SWEEP} (job {self._swept}) waits"]
        return [str(job) for job in undone]


class OwnQueue(PortalQueue):
    """No worker runs: tasks and sweeps run here."""

    def arrive(self) -> None:
        """Nothing is remembered from the instant before."""

    def settle(self) -> list[str]:
        """Run what is ready, then the sweeps once; name what there was to do."""
        done = []
        while (job := _take()) is not None:
            done.append(str(job))
            _run(job)
        return [*done, *tasks.sweep_once()]


def find_portal() -> Place:
    """The portal as it runs now: with a worker or without."""
    with transaction() as session:
        return WorkedQueue() if queue_work.has_worker(session, SILENT_SECONDS) else OwnQueue()


def _take() -> Job | None:
    with transaction() as session:
        return queue_work.take(session)


def _run(job: Job) -> None:
    try:
        _TASKS[job.task.removesuffix(".due")](**{} if job.task.endswith(".due") else job.args)
    except Exception as error:  # noqa: BLE001  (as in the worker: one failure must not stop the others)
        discard_failed_transaction()
        log.warning("task failed; put off by a minute", task=job.task, id=job.id, error=type(error).__name__)
        with transaction() as session:
            queue_work.put_off(session, job)
    else:
        with transaction() as session:
            queue_work.finish(session, job)
