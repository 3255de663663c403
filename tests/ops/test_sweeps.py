"""What the rooms say of their sweeps."""

from __future__ import annotations

from app.ops import tasks
from app.ops.tasks import ROOMS

ALL = [(room, name) for room in ROOMS for name in getattr(room, "SWEEPS", ())]


def test_a_sweep_of_the_business_clock_is_a_task_that_also_runs_by_itself() -> None:
    assert {name for _, name in ALL} <= {name for room in ROOMS for _, name in room.PERIODIC}
    assert all(name in room.TASKS for room, name in ALL)


def test_no_rooms_sweeps_are_forgotten() -> None:
    assert {room for room, _ in ALL} == set(tasks.SWEEPING)
    falling_due = {find for room in ROOMS for find in getattr(room, "FALLING_DUE", ())}
    assert falling_due == set(tasks.FALLING_DUE)
