"""Each room's tasks have a lane; what waits for a mail server, or a flood of sweeps, holds up no payment."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from app import worker
from app.kit.clock import Clocks
from app.kit.queue import defer
from app.mail.service import queue_email
from app.web.database import transaction
from app.worker import LANES, MONEY, build_queue
from tests.mail.letters import CONTEXTS
from tests.support.database import own_database
from tests.support.installation import app_on
from tests.today import NOON, FixedClock
from tests.worker.apart import run_apart

WAITING = 30
LEFT = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :task AND status = 'todo'")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A mail server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener


def test_every_task_has_one_lane(app: Flask) -> None:
    queues = {task.queue for task in build_queue(app).tasks.values() if not task.name.startswith("builtin:")}
    assert {queue: sum(queue in lane.queues for lane in LANES) for queue in queues} == dict.fromkeys(queues, 1)


@pytest.mark.slow
def test_a_silent_mail_server_holds_up_no_payment(server: Path, silent: socket.socket) -> None:
    clocks = Clocks(business=FixedClock(NOON), wall=FixedClock(NOON))
    port = silent.getsockname()[1]
    with own_database(server, "lanes") as url, app_on(url, clocks, smtp_port=port) as app:
        with app.app_context(), transaction() as session:
            for _ in range(WAITING):
                queue_email(session, "reset_password", "ada@example.com", context=CONTEXTS["reset_password"],
                            key=str(uuid4()), now=NOON)  # fmt: skip
        assert run_apart(_seconds_until_paid(app, silent)) < 5


async def _seconds_until_paid(app: Flask, silent: socket.socket) -> float:
    """Wait until the mail lane is full, then time a task of payments from its commit to its run."""
    queue, paid = build_queue(app), asyncio.Event()
    loop = asyncio.get_running_loop()
    queue.task(name="payments.lane_test", queue="payments")(lambda: loop.call_soon_threadsafe(paid.set))
    stopping = asyncio.Event()
    working = asyncio.create_task(worker._run_until(queue, stopping))
    while _left(app, "mail.send") == WAITING:
        assert not working.done()
        await asyncio.sleep(0.05)
    began = time.monotonic()
    with app.app_context(), transaction() as session:
        defer(session, "payments.lane_test")
    await asyncio.wait_for(paid.wait(), 15)
    took = time.monotonic() - began
    silent.close()  # ends the conversations that the worker waits for before it stops
    stopping.set()
    await working
    return took


def _left(app: Flask, task: str) -> int:
    with app.app_context(), transaction() as session:
        return int(session.execute(LEFT, {"task": task}).scalar_one())


def test_payments_have_the_most_slots() -> None:
    assert max(LANES, key=lambda lane: lane.slots) == MONEY
