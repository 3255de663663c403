"""Least privilege, by real attempts: what the roles of the web and of the worker may do, and what is refused them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from flask_migrate import upgrade
from psycopg.errors import InsufficientPrivilege

from sandbox.postgres import server as postgres
from tests.support.database import migrator, run_as_admin

ROLES = ("tollkeeper_web", "tollkeeper_worker")
APPEND_ONLY = {"usage_keys": "org_id", "usage_events": "org_id", "audit_entries": "org_id", "sign_in_log": "at"}
ERASABLE = ("event_details", "audit_persons", "sign_in_details")


@pytest.fixture(scope="module")
def guarded(server: Path) -> Iterator[str]:
    """A database migrated by an owner who is no superuser, as on an operator's server."""
    run_as_admin(server, postgres.ROLES.read_text(encoding="utf-8"))
    name = f"guarded_{uuid4().hex[:8]}"
    run_as_admin(server, f"CREATE DATABASE {name} OWNER {postgres.OWNER}")
    with migrator(postgres.url(server, name, postgres.OWNER)).app_context():
        upgrade()
        upgrade()  # nothing new to migrate: the grants are given again
    yield postgres.url(server, name)
    run_as_admin(server, f"DROP DATABASE {name} WITH (FORCE)")


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
    attempt(guarded, role, "DELETE FROM procrastinate_jobs")
    attempt(guarded, role, "SELECT nextval('usage_events_seq')")


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
