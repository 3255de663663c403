"""When the database fails: away, busy, or nobody knows. "Nothing was done" is said only where that is so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.models import Org, User
from app.kit.postgres.connections import LimitedConnection
from app.kit.postgres.hot_statement import HotStatement
from app.kit.postgres.pool import HotPool
from app.metering import write_calls
from app.web import problems
from tests.accounts.conftest import org, owner, page
from tests.factories import bearer, have_default_plan, make_key, unique
from tests.pages import send

__all__ = ["org", "owner", "page"]
NOTHING, MAYBE = "Nothing was done", "may have been done"


@pytest.fixture
def event(client: FlaskClient, session: Session, org: Org) -> dict[str, Any]:
    """What posts an event: the body and the key. The org's period is open."""
    meter, headers = have_default_plan(session).meter, bearer(make_key(session, org))
    assert (
        client.post("/api/v1/usage/events", json={"id": unique(), "meter": meter}, headers=headers).status_code == 200
    )
    return {"json": {"id": unique(), "meter": meter}, "headers": headers}


@contextmanager
def locked(database: str, statement: str, *values: object) -> Iterator[None]:
    """Another transaction holds what this statement locks."""
    with psycopg.connect(database) as other:
        other.execute("BEGIN")
        other.execute(statement, values)
        yield


@pytest.fixture
def lose_answers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the connection break after a hot statement has been carried out."""

    def lose(*statements: HotStatement) -> None:
        carried_out = HotStatement.rows

        def rows(self: HotStatement, connection: Any, arguments: Any) -> Any:
            found = carried_out(self, connection, arguments)
            if self in statements:
                connection.close()
                raise psycopg.OperationalError("the connection was lost")
            return found

        monkeypatch.setattr(HotStatement, "rows", rows)

    return lose


def test_a_page_whose_commit_was_not_confirmed_says_that_nobody_knows(
    page: FlaskClient, session: Session, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.get("/settings")
    with monkeypatch.context() as patched:
        commit = LimitedConnection.commit

        def commit_and_break(self: LimitedConnection) -> None:
            commit(self)
            self.close()
            raise psycopg.OperationalError("the connection was lost")

        patched.setattr(LimitedConnection, "commit", commit_and_break)
        answer = send(page, "/settings/profile", name="Done All The Same")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert MAYBE in answer.text
    assert NOTHING not in answer.text
    session.refresh(owner)
    assert owner.name == "Done All The Same"


@pytest.mark.slow
def test_a_page_that_meets_a_lock_says_that_the_database_is_busy(
    database: str, page: FlaskClient, session: Session, owner: User
) -> None:
    with locked(database, "SELECT FROM users WHERE id = %s FOR UPDATE", owner.id):
        answer = send(page, "/settings/profile", name="Never")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "too busy" in answer.text
    assert NOTHING in answer.text
    session.refresh(owner)
    assert owner.name != "Never"


def test_an_event_whose_answer_was_lost_is_sent_again_with_its_id(
    client: FlaskClient, event: dict[str, Any], lose_answers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answers(write_calls.RECORD)
    answer = client.post("/api/v1/usage/events", **event)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "outcome_unknown")
    assert answer.headers["Retry-After"] == "2"
    assert MAYBE in answer.get_json()["detail"]
    monkeypatch.undo()
    assert client.post("/api/v1/usage/events", **event).get_json()["duplicates"] == 1


@pytest.mark.slow
def test_an_event_that_meets_a_lock_is_refused_as_busy(
    client: FlaskClient, database: str, session: Session, org: Org, event: dict[str, Any]
) -> None:
    with locked(database, "SELECT pg_advisory_xact_lock(usage_lock(%s))", org.id):
        answer = client.post("/api/v1/usage/events", **event)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "busy")
    assert NOTHING in answer.get_json()["detail"]
    assert client.post("/api/v1/usage/events", **event).get_json()["recorded"] == 1


def end_itself(pool: HotPool, *_: object) -> None:
    """The connection that was to keep them breaks."""
    with pool.connection() as connection:
        connection.execute("SET ROLE NONE")
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_batch_whose_refused_events_cannot_be_kept_may_have_been_recorded(
    client: FlaskClient, session: Session, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = event["json"], {"id": unique(), "meter": "no_such_meter"}
    with monkeypatch.context() as patched:
        patched.setattr("app.metering.recording.refused_events.store_refused", end_itself)
        answer = client.post("/api/v1/usage/events", json={"events": [good, bad]}, headers=event["headers"])
    assert (answer.status_code, answer.get_json()["code"]) == (503, "outcome_unknown")
    again = client.post("/api/v1/usage/events", json={"events": [good, bad]}, headers=event["headers"])
    assert again.get_json()["duplicates"] == 1


def test_a_read_whose_answer_was_lost_did_nothing(
    client: FlaskClient, event: dict[str, Any], lose_answers: Any
) -> None:
    from app.metering.checks import rows

    lose_answers(rows._ONE, rows._MANY)
    body = {"meter": event["json"]["meter"]}
    answer = client.post("/api/v1/usage/check", json=body, headers=event["headers"])
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")


def test_only_answers_that_know_it_say_that_nothing_was_done(client: FlaskClient) -> None:
    said = {code: client.get(f"/docs/problems/{code}").text for code in problems.PROBLEMS}
    for code in ("outcome_unknown", "internal"):
        assert "may or may not have been carried out" in said[code]
        assert "Nothing was" not in said[code]
    for code in ("unavailable", "busy"):
        assert "Nothing was" in said[code]
