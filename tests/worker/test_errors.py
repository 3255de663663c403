"""A task's last error is kept for staff, without secrets and rows, and goes once the task has succeeded."""

from __future__ import annotations

import procrastinate
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.web.database import transaction
from app.worker import _register, build_queue
from tests.worker.apart import run_apart

KEPT = text("SELECT failures, error FROM queue_errors JOIN queue_jobs ON id = job_id WHERE queue = :queue")
DUE_AT_ONCE = text("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE queue_name = :queue AND status = 'todo'")


async def _work(queue: procrastinate.App, name: str, app: Flask, rounds: int) -> None:
    async with queue.open_async():
        await queue.tasks[name].defer_async()
        for _ in range(rounds):
            await queue.run_worker_async(
                queues=[name.partition(".")[0]], wait=False, install_signal_handlers=False, listen_notify=False
            )
            with app.app_context(), transaction() as session:
                session.execute(DUE_AT_ONCE, {"queue": name.partition(".")[0]})


@pytest.mark.parametrize(
    ("room", "statement", "kept"),
    [
        ("errors_told", None, "builtins.ValueError: no answer to [mail] with sk_test_[redacted]"),
        ("errors_of_rows", "SELECT CAST('a row''s own value' AS integer)", "[22P02]"),
    ],
)
def test_the_last_error_of_a_task_is_kept(
    app: Flask, session: Session, room: str, statement: str | None, kept: str
) -> None:
    def fail() -> None:
        if statement is None:
            raise ValueError("no answer to ada@example.com with sk_test_abc123")
        with transaction() as broken:
            broken.execute(text(statement))

    queue = build_queue(app)
    _register(queue, app, f"{room}.fail", fail)
    run_apart(_work(queue, f"{room}.fail", app, rounds=2))
    failures, error = session.execute(KEPT, {"queue": room}).one()
    assert failures == 2
    assert kept in error
    assert "own value" not in error.partition("[SQL")[0]


def test_an_error_goes_with_its_task(app: Flask, session: Session) -> None:
    tries: list[int] = []

    def fail_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("the first time")

    queue = build_queue(app)
    _register(queue, app, "errors_gone.fail", fail_once)
    run_apart(_work(queue, "errors_gone.fail", app, rounds=2))
    assert len(tries) == 2
    assert session.execute(KEPT, {"queue": "errors_gone"}).all() == []
