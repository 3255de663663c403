"""A task that always fails is tried five times, parked where staff see it, and delays nobody."""

from __future__ import annotations

import procrastinate
from flask import Flask
from sqlalchemy import text

from app.web.database import transaction
from app.worker import RETRY, build_queue
from tests.worker.apart import run_apart

QUEUE = "always-failing"
DUE_AT_ONCE = text("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE queue_name = :queue AND status = 'todo'")
STATUS = text("SELECT status::text FROM procrastinate_jobs WHERE queue_name = :queue")


def test_a_task_that_always_fails_is_parked_after_five_tries(app: Flask) -> None:
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise ValueError("as always")

    queue = build_queue(app)
    task = queue.task(name="test.fail", queue=QUEUE, retry=RETRY)(fail)
    states = run_apart(_work(queue, task, app))
    assert (len(tries), states) == (5, ["todo"] * 4 + ["failed"] * 3)


async def _work(queue: procrastinate.App, task: procrastinate.tasks.Task, app: Flask) -> list[str]:  # type: ignore[type-arg]
    """Seven rounds, without the pauses between them; the task's state after each."""
    states = []
    async with queue.open_async():
        await task.defer_async()
        for _ in range(7):
            await queue.run_worker_async(queues=[QUEUE], wait=False, install_signal_handlers=False, listen_notify=False)
            with app.app_context(), transaction() as session:
                session.execute(DUE_AT_ONCE, {"queue": QUEUE})
                states.append(str(session.scalar(STATUS, {"queue": QUEUE})))
    return states
