"""The worker: procrastinate over the rooms' tables of tasks. `python -m app.worker` runs it until a signal.

A task gets its arguments as JSON values and opens its own transaction; one that raises is tried again with a
growing pause, five times in all, and is then parked as failed, where staff can see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import procrastinate
import procrastinate.exceptions
import psycopg
import structlog
from flask import Flask
from procrastinate.jobs import Status
from procrastinate.retry import RetryStrategy

from app.accounts import tasks as accounts
from app.factory import create_app
from app.mail import tasks as mail
from app.metering import tasks as metering
from app.payments import tasks as payments
from app.settings import read_settings
from app.subscriptions import tasks as subscriptions
from app.web import tasks as web

ROOMS = (accounts, mail, subscriptions, metering, payments, web)
RETRY = RetryStrategy(max_attempts=4, exponential_wait=10)  # four repeats after the first try: five in all
BEAT, SILENT = 5.0, 15.0  # seconds: so often a worker says that it lives; so long unheard it is held for dead
CONCURRENCY = 8  # some of them may be waiting for Stripe, and must not keep the others waiting
# Stripe's events of one customer are applied one after the other, and no notification comes when one of them ends: the
# next is found by looking. At the five seconds of procrastinate a purchase's dozen of events took a minute.
LOOK = 0.2
log = structlog.get_logger()


def build(flask_app: Flask) -> procrastinate.App:
    """The queue's app with every room's tasks; each runs inside the Flask app's context, in a thread."""
    settings = flask_app.extensions["tollkeeper"].settings
    connector = procrastinate.PsycopgConnector(conninfo=settings.worker_database_url)
    # What is done leaves no row: the fold alone would leave 8,640 a day. What is parked stays.
    queue = procrastinate.App(
        connector=connector,
        worker_defaults={
            "concurrency": CONCURRENCY,
            "delete_jobs": "successful",
            "fetch_job_polling_interval": LOOK,
            "update_heartbeat_interval": BEAT,
            "stalled_worker_timeout": SILENT,
        },
    )
    for room in ROOMS:
        tasks = {name: _register(queue, flask_app, name, work) for name, work in room.TASKS.items()}
        for cron, name in room.PERIODIC:
            _periodic(queue, cron, name, tasks[name])
    return queue


def _register(queue: procrastinate.App, flask_app: Flask, name: str, work: Callable[..., None]) -> Any:
    def run(**args: Any) -> None:
        with flask_app.app_context():
            work(**args)

    return queue.task(name=name, retry=RETRY)(run)


def _periodic(queue: procrastinate.App, cron: str, name: str, task: Any) -> None:
    def due(timestamp: int) -> None:  # noqa: ARG001  (procrastinate passes when it was due)
        task.func()

    # A late worker runs a sweep once, not once for every tick that it missed.
    queue.periodic(cron=cron, periodic_id=name)(queue.task(name=f"{name}.due", queueing_lock=f"{name}.due")(due))


async def run(queue: procrastinate.App) -> None:
    """Work until SIGTERM or SIGINT; a database that is away is waited for."""
    stopping = asyncio.Event()
    # The loop's own pool has as many threads as the machine has cores, and four; tasks would wait for one unseen.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CONCURRENCY, "task"))
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    while not stopping.is_set():
        try:
            await _until(queue, stopping)
        except (psycopg.Error, procrastinate.exceptions.ProcrastinateException) as error:
            log.warning("worker starts again", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 1.0)


async def _until(queue: procrastinate.App, stopping: asyncio.Event) -> None:
    async with queue.open_async():
        working = asyncio.create_task(queue.run_worker_async(install_signal_handlers=False, listen_notify=True))
        told, rescuing = asyncio.create_task(stopping.wait()), asyncio.create_task(_rescue(queue))
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        rescuing.cancel()
        if not working.done():
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
        else:
            working.result()


async def _rescue(queue: procrastinate.App) -> None:
    """Look for tasks of killed workers, for ever: nobody else would end them, and they would hold their locks."""
    while True:
        with contextlib.suppress(procrastinate.exceptions.ProcrastinateException):  # the database is away: later
            await give_back(queue, SILENT)
        await asyncio.sleep(BEAT)


async def give_back(queue: procrastinate.App, silent: float) -> int:
    """Put the tasks of workers that were not heard of for `silent` seconds back into the queue; returns how many.

    The kill counts as a try, so that a task which kills its worker is parked in the end.
    """
    found = list(await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent))
    for job in found:
        log.warning("task of a killed worker", task=job.task_name, id=job.id, tries=job.attempts + 1)
        try:
            if job.attempts >= (RETRY.max_attempts or 0):
                await queue.job_manager.finish_job(job, Status.FAILED, delete_job=False)
            else:
                await queue.job_manager.retry_job(job)
        except procrastinate.exceptions.UniqueViolation:  # a sweep, and the next one waits already
            await queue.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    return len(found)


def main() -> None:
    """Run with the environment's settings, as the worker's database role."""
    settings = read_settings().for_worker()
    asyncio.run(run(build(create_app(settings))))


if __name__ == "__main__":
    main()
