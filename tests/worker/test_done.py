"""What is done leaves no row: a busy installation's queue stays small."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.worker import build_queue
from tests.worker.apart import run_apart

QUEUE = "soon-done"
ROWS = text("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = :queue")


def test_a_task_that_is_done_leaves_no_row(app: Flask, session: Session) -> None:
    done: list[int] = []
    queue = build_queue(app)
    task = queue.task(name="test.done", queue=QUEUE)(lambda: done.append(1))

    async def work() -> None:
        async with queue.open_async():
            await task.defer_async()
            await queue.run_worker_async(queues=[QUEUE], wait=False, install_signal_handlers=False, listen_notify=False)

    run_apart(work())
    assert (done, session.scalar(ROWS, {"queue": QUEUE})) == ([1], 0)


def test_no_sweep_is_joined_by_its_next_run(app: Flask) -> None:
    queue = build_queue(app)
    due = [name for name in queue.tasks if name.endswith(".due")]
    assert "metering.settle.due" in due
    assert [(queue.tasks[name].lock, queue.tasks[name].queueing_lock) for name in due] == [(name, name) for name in due]
