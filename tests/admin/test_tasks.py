"""The queue for staff: tasks are found by state and queue; a failed one is retried, once."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app.audit.queries import list_entries
from app.kit import queue
from app.kit.errors import Conflict
from app.kit.queue_failures import note_failure, retry_job
from app.web.database import transaction
from tests import factories
from tests.admin.test_pages import press, read
from tests.scenario import Scenario
from tests.today import WRITTEN

PERIODIC = text(
    "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, periodic_id) VALUES (:task, :at, :name)"
)
STATE = text("SELECT status::text FROM procrastinate_jobs WHERE id = :id")


def room() -> str:
    """A queue that no other test uses and no worker serves."""
    return factories.unique("room").replace("-", "_")


def defer(
    scenario: Scenario, task: str, *, state: str = "todo", error: str | None = None, once: str | None = None
) -> int:
    with scenario.app.app_context(), transaction() as session:
        job_id = queue.defer(session, task, once=once, thing="t-1")
        if state != "todo":
            change = text(
                "UPDATE procrastinate_jobs SET status = CAST(:state AS procrastinate_job_status) WHERE id = :id"
            )
            session.execute(change, {"id": job_id, "state": state})
        if error is not None:
            note_failure(session, job_id, error, now=WRITTEN)
    return job_id


def state(scenario: Scenario, job_id: int) -> str:
    scenario.session.rollback()
    return str(scenario.session.scalar(STATE, {"id": job_id}))


def listed(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"No\. (\d+)", page)]


def test_nobody_else_finds_the_queue(scenario: Scenario) -> None:
    assert scenario.org().browser().get("/admin/tasks").status_code == 404
    assert scenario.app.test_client().get("/admin/tasks").status_code == 303


def test_tasks_are_found_by_state_and_queue(scenario: Scenario) -> None:
    name = room()
    jobs = {each: defer(scenario, f"{name}.do", state=each) for each in ("todo", "doing", "failed")}
    defer(scenario, f"{room()}.do")
    staff = scenario.staff()
    for each, job_id in jobs.items():
        assert listed(read(staff, f"/admin/tasks?queue={name}&state={each}")) == [job_id]
    page = read(staff, f"/admin/tasks?queue={name}")
    assert listed(page) == sorted(jobs.values(), reverse=True)
    for words in ("Failed 1", "Running 1", "Waiting 1", f"{name}.do", '{"thing": "t-1"}'):
        assert words in page, words
    assert "No tasks match these filters." in read(staff, f"/admin/tasks?queue={room()}")


def test_a_failed_task_says_why_and_how_often(scenario: Scenario) -> None:
    name = room()
    job_id = defer(scenario, f"{name}.do", state="failed", error="builtins.ValueError: <b>no answer</b>")
    with scenario.app.app_context(), transaction() as session:
        note_failure(session, job_id, "builtins.ValueError: <b>still none</b>", now=WRITTEN)
    staff = scenario.staff()
    page = read(staff, f"/admin/tasks?queue={name}")
    assert "ValueError: <b>still none</b>" in page
    assert "no answer" not in page
    assert re.search(r'data-label="Failures"[^>]*>2<', page)
    assert "<b>still" not in staff.get(f"/admin/tasks?queue={name}").get_data(as_text=True)
    defer(scenario, f"{name}.do", state="failed")
    assert "The error is in the worker's log." in read(staff, f"/admin/tasks?queue={name}")


@pytest.mark.parametrize("query", ["state=none", "queue=%00", "before=x", "before=0", "before=99999999999999999999"])
def test_an_address_that_makes_no_sense_still_shows_the_queue(scenario: Scenario, query: str) -> None:
    read(scenario.staff(), f"/admin/tasks?{query}")


def test_tasks_are_paged_latest_first(scenario: Scenario) -> None:
    name = room()
    jobs = [defer(scenario, f"{name}.do") for _ in range(53)]
    staff = scenario.staff()
    first = read(staff, f"/admin/tasks?queue={name}")
    following = re.search(r'href="(/admin/tasks\?[^"]*before=\d+)"[^>]*rel="next"', first)
    assert following is not None
    assert listed(first) + listed(read(staff, following[1])) == jobs[::-1]


@pytest.fixture
def periodic(scenario: Scenario) -> Iterator[str]:
    """A periodic task that was queued twice; it is taken back, since the scheduler's heartbeat is read from it too."""
    name = f"{room()}.sweep"
    with scenario.app.app_context(), transaction() as session:
        for at in (1_500_000_000, 1_500_000_600):
            session.execute(PERIODIC, {"task": f"{name}.due", "at": at, "name": name})
    yield name
    with scenario.app.app_context(), transaction() as session:
        session.execute(text("DELETE FROM procrastinate_periodic_defers WHERE periodic_id = :name"), {"name": name})


def test_periodic_tasks_say_when_they_were_last_queued(scenario: Scenario, periodic: str) -> None:
    page = read(scenario.staff(), "/admin/tasks")
    row = re.search(rf"<tr><th[^>]*>{periodic}</th>(.*?)</tr>", page)
    assert row is not None
    assert 'datetime="2017-07-14T02:50:00Z"' in row[1]


def test_a_failed_task_is_retried_by_a_press_which_is_audited(scenario: Scenario) -> None:
    name = room()
    job_id = defer(scenario, f"{name}.do", state="failed")
    staff, page = scenario.staff(), f"/admin/tasks?queue={name}&state=failed"
    assert press(staff, page, f"/admin/tasks/{job_id}/retry?queue={name}&state=failed")[0] == 303
    assert state(scenario, job_id) == "todo"
    assert "The task is queued again." in read(staff, page)
    (entry,) = list_entries(scenario.session, None, action="task.retried", on=("task", job_id))
    assert (entry.act.actor_kind, entry.act.after) == ("staff", {"state": "waiting", "task": f"{name}.do"})


@pytest.mark.parametrize("before", ["todo", "doing"])
def test_a_task_that_has_not_failed_is_not_retried(scenario: Scenario, before: str) -> None:
    job_id = defer(scenario, f"{room()}.do", state=before)
    staff = scenario.staff()
    assert press(staff, "/settings", f"/admin/tasks/{job_id}/retry")[0] == 303
    assert "This task is no longer failed." in read(staff, "/admin/tasks")
    assert state(scenario, job_id) == before
    assert list_entries(scenario.session, None, action="task.retried", on=("task", job_id)) == []


def test_a_press_without_its_token_and_of_an_unknown_task_does_nothing(scenario: Scenario) -> None:
    job_id = defer(scenario, f"{room()}.do", state="failed")
    staff = scenario.staff()
    assert staff.post(f"/admin/tasks/{job_id}/retry").status_code == 403
    for unknown, status in ((10**17, 303), (10**30, 404), ("x", 404)):
        assert press(staff, "/settings", f"/admin/tasks/{unknown}/retry")[0] == status
    assert state(scenario, job_id) == "failed"


def test_a_task_that_waits_once_is_not_retried_while_another_waits(scenario: Scenario) -> None:
    name = room()
    failed = defer(scenario, f"{name}.do", state="failed", once=name)
    defer(scenario, f"{name}.do", once=name)
    staff = scenario.staff()
    assert press(staff, f"/admin/tasks?queue={name}", f"/admin/tasks/{failed}/retry")[0] == 303
    assert "The same task is already waiting" in read(staff, "/admin/tasks")
    assert state(scenario, failed) == "failed"
    assert list_entries(scenario.session, None, action="task.retried", on=("task", failed)) == []
    with pytest.raises(Conflict), scenario.app.app_context(), transaction() as session:
        retry_job(session, failed, now=WRITTEN)


def test_two_presses_at_once_queue_it_once(scenario: Scenario) -> None:
    """The second waits for the first one's lock and then finds the task waiting."""
    job_id = defer(scenario, f"{room()}.do", state="failed")
    done: list[str | None] = []

    def second() -> None:
        with scenario.app.app_context(), transaction() as session:
            done.append(retry_job(session, job_id, now=WRITTEN))

    with scenario.app.app_context(), transaction() as session:
        assert retry_job(session, job_id, now=WRITTEN) is not None
        other = threading.Thread(target=second)
        other.start()
    other.join(10)
    assert done == [None]
    assert state(scenario, job_id) == "todo"


def test_the_queue_asks_the_database_little(scenario: Scenario) -> None:
    staff = scenario.staff()
    defer(scenario, f"{room()}.do", state="failed", error="x")
    read(staff, "/admin/tasks")
    with scenario.statements() as asked:
        read(staff, "/admin/tasks?state=failed")
    assert len(asked) <= 6, asked
