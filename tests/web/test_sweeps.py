"""A sweep does what is due item by item: what fails leaves nothing behind, is logged, and stops no other."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from app.kit.errors import Conflict, Unavailable
from app.kit.ids import new_id
from app.web.idempotency import IdempotencyKey
from app.web.sweeps import run_each, run_each_in_transaction
from tests.today import NOON


def test_a_failure_is_undone_logged_and_stops_no_other(session: Session) -> None:
    owner = new_id()

    def keep(open_session: Session, key: str, now: datetime) -> None:
        open_session.add(IdempotencyKey(owner_id=owner, key=key, request_hash=b"x", created_at=now))
        open_session.flush()
        if key == "second":
            raise Conflict("Not this one.")
        if key == "third":
            open_session.execute(text("SELECT 1 / 0"))

    with capture_logs() as logged:
        done = run_each_in_transaction(["first", "second", "third", "fourth"], keep, NOON, "key not kept")
    assert done == 2
    assert [(row["event"], row["item"], row["error"]) for row in logged] == [
        ("key not kept", "second", "Conflict"),
        ("key not kept", "third", "DataError"),
    ]
    kept = session.scalars(select(IdempotencyKey.key).where(IdempotencyKey.owner_id == owner)).all()
    assert sorted(kept) == ["first", "fourth"]


def test_what_found_nothing_to_do_is_not_counted(session: Session) -> None:
    assert run_each([1, 2, 3], lambda number: number != 2, "failed") == 2


def test_what_would_meet_every_item_ends_the_run(session: Session) -> None:
    seen: list[int] = []

    def ask(number: int) -> None:
        seen.append(number)
        if number == 2:
            raise Unavailable("Away.")

    assert run_each([1, 2, 3], ask, "failed", stops=(Unavailable,)) == 1
    assert seen == [1, 2]
