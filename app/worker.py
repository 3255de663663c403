"""The worker: runs the rooms' tasks with procrastinate. `python -m app.worker` runs until a signal.

Rooms whose tasks wait for others have lanes with slots of their own, so that a silent mail server or a flood of sweeps
delays no payment.

A task receives JSON values and opens its own transaction. A task that raises is retried with a growing delay, five
attempts in all, and is then parked as failed, where staff can see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import procrastinate
import procrastinate.exceptions
import psycopg
import structlog
from flask import Flask
from procrastinate.job_context import JobContext
from procrastinate.jobs import Status
from procrastinate.retry import RetryStrategy
from sqlalchemy.exc import SQLAlchemyError

from app.factory import create_app
from app.factory.logs import redact_text
from app.factory.tracebacks import describe_error
from app.kit.postgres.connections import TCP, LimitedAsyncConnection
from app.kit.postgres.privileges import ask_excess_rights
from app.kit.queue import queue_of
from app.kit.queue_failures import note_failure
from app.ops import tasks as ops
from app.settings import Settings, read_settings
from app.web.database import transaction
from app.web.runtime import wall_now

ROOMS = (*ops.ROOMS, ops)
RETRY = RetryStrategy(max_attempts=4, exponential_wait=10)  # four retries after the first attempt: five in all
HEARTBEAT_SECONDS, STALLED_SECONDS = 5.0, 15.0  # a worker silent for the latter counts as dead

log = structlog.get_logger()


@dataclass(frozen=True)
class Lane:
    """The queues that share `slots` tasks at once. `poll` is how long a task may wait that nothing announces."""

    queues: frozenset[str]
    slots: int
    poll: float = 1.0


# Stripe events of one customer are applied one after another, and nothing notifies the worker when one ends: it polls
# for the next. At procrastinate's default of five seconds, a purchase's dozen events took a minute.
MONEY = Lane(frozenset({"payments", "billing_runs"}), slots=4, poll=0.2)
MAIL = Lane(frozenset({"mail"}), slots=2)
REST = Lane(frozenset(queue_of(name) for room in ROOMS for name in room.TASKS) - MONEY.queues - MAIL.queues, slots=2)
LANES = (MONEY, MAIL, REST)


def build_queue(flask_app: Flask) -> procrastinate.App:
    """Build the queue with every room's tasks; each runs in a thread, inside the Flask app's context."""
    settings = flask_app.extensions["tollkeeper"].settings
    connector = procrastinate.PsycopgConnector(
        conninfo=settings.worker_database_url, connection_class=LimitedAsyncConnection, kwargs={**TCP}
    )
    # Successful jobs are deleted: rolling up alone would leave 8,640 rows a day. Parked ones stay.
    queue = procrastinate.App(
        connector=connector,
        worker_defaults={
            "delete_jobs": "successful",
            "update_heartbeat_interval": HEARTBEAT_SECONDS,
            "stalled_worker_timeout": STALLED_SECONDS,
        },
    )
    for room in ROOMS:
        tasks = {name: _register(queue, flask_app, name, work) for name, work in room.TASKS.items()}
        for cron, name in room.PERIODIC:
            _periodic(queue, cron, name, tasks[name])
    return queue


def _register(queue: procrastinate.App, flask_app: Flask, name: str, work: Callable[..., None]) -> Any:
    def run(context: JobContext, /, **args: Any) -> None:
        with flask_app.app_context():
            try:
                work(**args)
            except Exception as error:
                _keep_error(context.job.id, error)
                raise

    return queue.task(name=name, queue=queue_of(name), retry=RETRY, pass_context=True)(run)


def _keep_error(job_id: int | None, error: Exception) -> None:
    """Keep what staff see of a failed task; the log has the rest, and has it also if the database is away."""
    if job_id is not None:
        with contextlib.suppress(SQLAlchemyError), transaction() as session:
            note_failure(session, job_id, redact_text(describe_error(error)), now=wall_now())


def _periodic(queue: procrastinate.App, cron: str, name: str, task: Any) -> None:
    def due(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  (procrastinate passes the scheduled time)
        task.func(context)

    # A late worker runs a sweep once, not once for every tick it missed, and a long run is not joined by the next.
    once = f"{name}.due"
    periodic = queue.task(name=once, queue=queue_of(name), queueing_lock=once, lock=once, pass_context=True)(due)
    queue.periodic(cron=cron, periodic_id=name)(periodic)


async def run(queue: procrastinate.App, before: Callable[[], None] = lambda: None) -> None:
    """Work until SIGTERM or SIGINT; wait if the database is down. `before` runs before each connection."""
    stopping = asyncio.Event()
    # The default pool has four threads more than the machine has cores; claimed tasks would wait in it unseen.
    slots = sum(lane.slots for lane in LANES)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(slots, "task"))
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    while not stopping.is_set():
        try:
            await asyncio.to_thread(before)
            await _run_until(queue, stopping)
        except* (psycopg.Error, procrastinate.exceptions.ProcrastinateException) as errors:
            log.warning("worker restarted", error=type(errors.exceptions[0]).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1.0)


async def _run_until(queue: procrastinate.App, stopping: asyncio.Event) -> None:
    async with queue.open_async():
        working = asyncio.create_task(_work_in_lanes(queue))
        stopped, requeuing = asyncio.create_task(stopping.wait()), asyncio.create_task(_requeue_forever(queue))
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        requeuing.cancel()
        if not working.done():
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
        else:
            working.result()


async def _work_in_lanes(queue: procrastinate.App) -> None:
    async with asyncio.TaskGroup() as lanes:  # one that ends with an error ends the others
        for lane in LANES:
            worker = queue.run_worker_async(
                queues=sorted(lane.queues),
                concurrency=lane.slots,
                fetch_job_polling_interval=lane.poll,
                install_signal_handlers=False,
                listen_notify=True,
            )
            lanes.create_task(worker)


async def _requeue_forever(queue: procrastinate.App) -> None:
    """Requeue tasks of killed workers, forever: nothing else would end them, and they would keep their locks."""
    while True:
        with contextlib.suppress(procrastinate.exceptions.ProcrastinateException):  # the database is down: try later
            await requeue_stalled(queue, STALLED_SECONDS)
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def requeue_stalled(queue: procrastinate.App, stalled_after: float) -> int:
    """Requeue the tasks of workers without a heartbeat for `stalled_after` seconds; return how many.

    A kill counts as an attempt, so a task that kills its worker is eventually parked.
    """
    jobs = list(await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=stalled_after))
    for job in jobs:
        log.warning("task of a killed worker", task=job.task_name, id=job.id, attempts=job.attempts + 1)
        try:
            if job.attempts >= (RETRY.max_attempts or 0):
                await queue.job_manager.finish_job(job, Status.FAILED, delete_job=False)
            else:
                await queue.job_manager.retry_job(job)
        except procrastinate.exceptions.UniqueViolation:  # a sweep whose next run is already waiting
            await queue.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    return len(jobs)


def main() -> None:
    """Run with the settings from the environment, as the worker's database role."""
    settings = read_settings(serving="WORKER_DATABASE_URL").for_worker()
    asyncio.run(run(build_queue(create_app(settings)), partial(refuse_excess_rights, settings)))


def refuse_excess_rights(settings: Settings) -> None:
    """Exit if the worker's role may do too much; raises `psycopg.Error` if the database cannot be asked."""
    if not settings.sandbox and (found := ask_excess_rights(settings.worker_database_url)):
        raise SystemExit(f"WORKER_DATABASE_URL: {', '.join(found)}")


if __name__ == "__main__":
    main()
