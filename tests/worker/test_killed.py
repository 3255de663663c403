"""What a killed worker had in its hands goes back into the queue, and lets go of its lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import procrastinate
import pytest
from flask import Flask
from sqlalchemy import text

from app.web.database import transaction
from app.worker import RETRY, build_queue, requeue_stalled
from tests.worker.apart import run_apart

QUEUE = "killed"
_DIE = text("""
    UPDATE procrastinate_jobs SET status = 'doing', attempts = :tries
    WHERE id = (SELECT min(id) FROM procrastinate_jobs WHERE queue_name = :queue AND status = 'todo')
""")
_STATES = text("SELECT status::text FROM procrastinate_jobs WHERE queue_name = :queue")


@pytest.mark.parametrize(
    ("tries", "done", "left"),
    [(0, ["first", "second"], {}), (RETRY.max_attempts, ["second"], {"failed": 1})],
    ids=["it is done by another", "after five kills it is parked"],
)
def test_a_task_of_a_killed_worker(app: Flask, tries: int, done: list[str], left: dict[str, int]) -> None:
    seen: list[str] = []
    queue = build_queue(app)
    task = queue.task(name="test.killed", queue=QUEUE, retry=RETRY)(_keeper(seen))
    states = run_apart(_work(queue, task, app, tries))
    assert (seen, states) == (done, left)


def test_a_sweep_that_waits_already_is_not_put_back(app: Flask) -> None:
    seen: list[str] = []
    queue = build_queue(app)
    task = queue.task(name="test.killed", queue=QUEUE, queueing_lock=QUEUE)(_keeper(seen))
    assert run_apart(_work(queue, task, app, 0)) == {}
    assert seen == ["second"]


def _keeper(seen: list[str]) -> Callable[..., None]:
    def keep(item: str) -> None:
        seen.append(item)

    return keep


async def _work(queue: procrastinate.App, task: procrastinate.tasks.Task, app: Flask, tries: int) -> dict[str, int]:  # type: ignore[type-arg]
    """Two tasks under one lock, the worker of the first killed; what is left of them after another has worked."""
    async with queue.open_async():
        await task.configure(lock=QUEUE).defer_async(item="first")
        with app.app_context(), transaction() as session:
            session.execute(_DIE, {"queue": QUEUE, "tries": tries})
        await task.configure(lock=QUEUE).defer_async(item="second")
        assert await requeue_stalled(queue, 0) >= 1
        for _ in range(2):  # one at a time, under their lock
            await queue.run_worker_async(queues=[QUEUE], wait=False, install_signal_handlers=False, listen_notify=False)
    with app.app_context(), transaction() as session:
        states = Counter(session.scalars(_STATES, {"queue": QUEUE}))
        session.execute(text("DELETE FROM procrastinate_jobs WHERE queue_name = :queue"), {"queue": QUEUE})
    return dict(states)
