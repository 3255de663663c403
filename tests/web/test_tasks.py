"""Background work of the plumbing, and that the worker knows every room's tasks."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import worker
from app.kit.ids import new_id
from app.settings import PROJECT
from app.web.idempotency import RETENTION, IdempotencyKey
from app.web.tasks import purge
from tests.today import FixedClock


def test_answers_go_when_they_are_no_longer_replayed(session: Session, wall: FixedClock) -> None:
    org_id, second = new_id(), timedelta(seconds=1)
    for key, age in (("old", RETENTION + second), ("kept", RETENTION - second)):
        session.add(IdempotencyKey(owner_id=org_id, key=key, request_hash=b"x", created_at=wall.now() - age))
    session.commit()
    purge()
    mine = select(IdempotencyKey.key).where(IdempotencyKey.owner_id == org_id)
    assert session.scalars(mine).all() == ["kept"]


def test_the_worker_runs_the_tasks_of_every_room() -> None:
    app = PROJECT / "app"
    rooms = {path.relative_to(app).parts[0] for path in app.rglob("tasks.py")}
    assert {room.__name__.split(".")[1] for room in worker.ROOMS} == rooms
