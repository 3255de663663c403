"""Least privilege, by real attempts: what the roles of the web and of the worker may do, and what is refused them.

And that neither starts with any other role than such a one.
"""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from app.factory import create_app
from app.settings import read_settings
from app.web.database import db
from app.worker import refuse_excess_rights
from tests.factory.test_settings import GOOD
from tests.support.settings import make_settings

ROLES = ("tollkeeper_web", "tollkeeper_worker")
APPEND_ONLY = {"usage_keys": "org_id", "usage_events": "org_id", "audit_entries": "org_id", "sign_in_log": "at"}
ERASABLE = ("event_details", "audit_persons", "sign_in_details")


def attempt(database: str, role: str, statement: str) -> None:
    """Run it as the role, then take it back."""
    with psycopg.connect(database.replace("postgres@", f"{role}@", 1)) as connection:
        connection.execute(statement)
        connection.rollback()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", [*APPEND_ONLY, "usage_events_default"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "DROP TABLE {table} CASCADE",
        "ALTER TABLE {table} ADD COLUMN extra text",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
    ],
)
def test_no_running_process_can_change_a_book(guarded: str, role: str, table: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege, match=r"permission denied|must be owner"):
        attempt(guarded, role, statement.format(table=table, column=APPEND_ONLY.get(table, "org_id")))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_books_can_be_read(guarded: str, role: str, table: str) -> None:
    attempt(guarded, role, f"SELECT * FROM {table} LIMIT 1")


@pytest.mark.parametrize("role", ROLES)
def test_partitions_are_reached_only_through_their_parent(guarded: str, role: str) -> None:
    attempt(guarded, role, "SELECT usage_partitions('2027-05-01T00:00:00Z', 0, 0)")
    for partition in ("usage_events_default", "event_details_default"):
        with pytest.raises(InsufficientPrivilege):
            attempt(guarded, role, f"SELECT * FROM {partition}")


@pytest.mark.parametrize("table", ERASABLE)
def test_only_the_worker_erases_what_names_a_person(guarded: str, table: str) -> None:
    attempt(guarded, "tollkeeper_worker", f"DELETE FROM {table}")
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET salt = ''"):
        with pytest.raises(InsufficientPrivilege):
            attempt(guarded, "tollkeeper_web", statement)


@pytest.mark.parametrize("role", ROLES)
def test_ordinary_rows_can_be_written(guarded: str, role: str) -> None:
    attempt(guarded, role, "UPDATE orgs SET name = name")
    attempt(guarded, role, "DELETE FROM usage_windows")
    attempt(guarded, role, "SELECT nextval('usage_events_seq')")


def test_the_web_stores_a_stripe_event_also_one_that_was_refused_before(guarded: str) -> None:
    event = ("evt_role", "t", "v", False, None, "x", None, None, "webhook", "{}", "2026-11-21", "2026-11-21")
    with psycopg.connect(guarded.replace("postgres@", "tollkeeper_web@", 1)) as connection:
        receive = f"SELECT stripe_receive({', '.join(['%s'] * len(event))})"
        assert connection.execute(receive, event).fetchone() == (True,)
        connection.execute("UPDATE stripe_inbox SET state = 'refused', settled_at = now() WHERE id = 'evt_role'")
        assert connection.execute(receive, event).fetchone() == (True,)
        connection.rollback()


def test_the_queue_is_emptied_by_the_worker_only(guarded: str) -> None:
    attempt(guarded, "tollkeeper_worker", "DELETE FROM procrastinate_jobs")
    with pytest.raises(InsufficientPrivilege):
        attempt(guarded, "tollkeeper_web", "DELETE FROM procrastinate_jobs")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a int)",
        "CREATE ROLE mine",
        "UPDATE alembic_version SET version_num = '0'",
        "SET ROLE postgres",
    ],
)
def test_the_schema_is_the_owners(guarded: str, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        attempt(guarded, role, statement)


@pytest.mark.parametrize(("role", "longest"), [("tollkeeper_web", "5s"), ("tollkeeper_worker", "1min")])
def test_a_role_carries_its_time_outs(guarded: str, role: str, longest: str) -> None:
    with psycopg.connect(guarded.replace("postgres@", f"{role}@", 1)) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert shown == [longest, "2s", "10s"]


def as_role(database: str, role: str) -> str:
    return database.replace("postgres@", f"{role}@", 1)


@pytest.mark.parametrize("serving", ["DATABASE_URL", "WORKER_DATABASE_URL"])
@pytest.mark.parametrize(
    ("role", "words"),
    [("postgres", "postgres is a superuser"), ("tollkeeper_owner", "tollkeeper_owner owns the tables")],
)
def test_what_serves_does_not_start_as_owner_or_superuser(
    guarded: str, serving: str, role: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**GOOD, serving: as_role(guarded, role)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{serving}: {words}"):
        read_settings(serving=serving)
    assert read_settings().base_url, "a command may"
    monkeypatch.setenv("SECRET_KEY", "short")
    with pytest.raises(SystemExit) as all_at_once:
        read_settings(serving=serving)
    assert "SECRET_KEY" in str(all_at_once.value)
    assert words in str(all_at_once.value)


@pytest.mark.parametrize("database", ["guarded", "postgresql://tollkeeper_web@127.0.0.1:9/away"])
def test_what_serves_starts_with_its_own_role_and_while_nobody_can_be_asked(
    guarded: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = as_role(guarded, "tollkeeper_web") if database == "guarded" else database
    for name, value in {**GOOD, "DATABASE_URL": address}.items():
        monkeypatch.setenv(name, value)
    assert read_settings(serving="DATABASE_URL").database_url == address


@pytest.mark.parametrize(("role", "status"), [("tollkeeper_owner", 503), ("tollkeeper_web", 200)])
def test_a_process_that_asked_too_early_is_not_ready_with_a_role_that_may_too_much(
    guarded: str, role: str, status: int
) -> None:
    app = create_app(replace(make_settings(as_role(guarded, role)), sandbox=False))
    ready = app.test_client().get("/readyz")
    with app.app_context():
        db.engine.dispose()
    assert (ready.status_code, ready.get_json()["checks"]["role"]) == (status, status == 200)


def test_a_worker_that_asked_too_early_asks_again_and_ends(guarded: str) -> None:
    def of(url: str) -> object:
        return replace(make_settings(url), sandbox=False)

    refuse_excess_rights(of(as_role(guarded, "tollkeeper_worker")))
    with pytest.raises(SystemExit, match="tollkeeper_owner owns the tables"):
        refuse_excess_rights(of(as_role(guarded, "tollkeeper_owner")))
    with pytest.raises(psycopg.OperationalError):
        refuse_excess_rights(of("postgresql://tollkeeper_worker@127.0.0.1:9/away"))
