"""The queue of a portal with a worker and of one without, and two who move the clock at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.clock import OffsetClock
from app.kit.queue import defer
from app.ops.clock.move import Moving, move_clock
from app.ops.clock.mover import Stopped
from tests.scenario import Scenario, queue

HOUR = timedelta(hours=1)
SOON = timedelta(seconds=20)
JOBS = text("SELECT task_name, status, attempts FROM procrastinate_jobs ORDER BY id")


@pytest.fixture(autouse=True)
def empty(session: Session) -> Iterator[None]:
    """Nothing waits before and after."""
    clear(session)
    yield
    clear(session)


def clear(session: Session) -> None:
    session.rollback()
    for table in ("procrastinate_periodic_defers", "procrastinate_jobs", "procrastinate_workers"):
        session.execute(text(f"DELETE FROM {table}"))
    session.commit()


@pytest.fixture
def worker(session: Session) -> None:
    """A worker that was heard of just now; it does nothing."""
    session.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (clock_timestamp())"))
    session.commit()


def jobs(session: Session) -> list[tuple[str, str, int]]:
    session.rollback()
    return [(row[0], row[1], row[2]) for row in session.execute(JOBS)]


def wait(session: Session, task: str, **args: str) -> int:
    made = defer(session, task, **args)
    session.commit()
    return made


@pytest.mark.usefixtures("impatient")
def test_a_stuck_queue_stops_the_clock_and_is_named(session: Session, moving: OffsetClock, worker: None) -> None:
    before = moving.now()
    job = wait(session, "payments.apply", event_id="evt_stuck")
    with pytest.raises(Stopped) as stopped:
        move_clock(moving, before + HOUR)
    assert stopped.value.what == (f"payments.apply (job {job}) waits",)
    assert stopped.value.at - before < SOON
    assert moving.now() - before < SOON


@pytest.mark.usefixtures("impatient")
def test_a_worker_that_takes_no_sweep_stops_the_clock(session: Session, moving: OffsetClock, worker: None) -> None:
    with pytest.raises(Stopped, match=r"ops\.sweep \(job \d+\) waits"):
        move_clock(moving, moving.now() + HOUR)


@pytest.mark.usefixtures("impatient")
def test_a_sweep_that_failed_stops_the_clock(session: Session, moving: OffsetClock, worker: None) -> None:
    def fail() -> None:
        session.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
        session.commit()

    with pytest.raises(Stopped, match=r"ops\.sweep \(job \d+\) failed"):
        move_clock(moving, moving.now() + HOUR, pause=fail)


def test_the_worker_is_given_the_sweeps_again_after_all_that_came_of_them(
    scenario: Scenario, session: Session, moving: OffsetClock, worker: None
) -> None:
    taken: list[str] = []

    def work() -> None:
        """The worker's turn: one task; the second sweep leads to a task."""
        found = queue.take(scenario.app, None)
        if found is not None:
            taken.append(found[0])
            if taken.count("ops.sweep") == 2 and len(taken) == 2:
                wait(session, "web.purge")

    move_clock(moving, moving.now() + HOUR, pause=work)
    assert taken == ["ops.sweep", "ops.sweep", "web.purge", "ops.sweep"]


def test_without_a_worker_the_tasks_run_here(session: Session, moving: OffsetClock) -> None:
    target = moving.now() + HOUR
    wait(session, "web.purge")
    assert target <= move_clock(moving, target) < target + SOON
    assert jobs(session) == [("web.purge", "succeeded", 1)]


def test_a_task_that_fails_is_put_off_and_stops_nothing(session: Session, moving: OffsetClock) -> None:
    target = moving.now() + HOUR
    wait(session, "mail.send", mail_id="no mail")
    wait(session, "web.purge")
    assert move_clock(moving, target) >= target
    assert jobs(session) == [("mail.send", "todo", 1), ("web.purge", "succeeded", 1)]


def test_what_is_put_off_holds_back_nobody_but_its_own_lock(session: Session, moving: OffsetClock) -> None:
    later = "SELECT clock_timestamp() + interval '1 hour'"
    defer(session, "web.purge", lock="one", at=session.scalar(text(later)))
    wait(session, "web.purge")
    defer(session, "web.purge", lock="one")
    session.commit()
    move_clock(moving, moving.now() + HOUR)
    assert [state for _, state, _ in jobs(session)] == ["todo", "succeeded", "todo"]


def test_the_second_of_two_is_told_that_the_clock_moves(session: Session, moving: OffsetClock) -> None:
    refused: list[bool] = []

    def second() -> None:
        with pytest.raises(Moving):
            move_clock(moving, moving.now() + 2 * HOUR)
        refused.append(True)

    target = moving.now() + HOUR
    assert move_clock(moving, target, look=second) < target + SOON
    assert len(refused) == 2
    assert move_clock(moving, target + HOUR) >= target + HOUR


@pytest.mark.usefixtures("impatient")
def test_a_stripe_that_does_not_answer_stops_the_clock(scenario: Scenario, moving: OffsetClock) -> None:
    from dataclasses import replace

    held = scenario.app.extensions["tollkeeper"]
    away = replace(held.settings, stripe_secret_key="sk_test_x", stripe_api_base="http://127.0.0.1:9")
    scenario.app.extensions["tollkeeper"] = replace(held, settings=away)
    with pytest.raises(Stopped, match="the Stripe sandbox does not answer"):
        move_clock(moving, moving.now() + HOUR)
    scenario.app.extensions["tollkeeper"] = held
