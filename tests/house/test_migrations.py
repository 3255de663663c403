"""The schema: one chain, each step up, down and up again, and the models say the same as the migrations."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine

from app.settings import PROJECT
from app.web.database import db
from tests.support.database import bare_database, migrator

SHAPE = """
    SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'routine', proname, pg_get_function_identity_arguments(oid), md5(prosrc)
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1, 2, 3, 4
"""


@pytest.fixture
def empty(server: Path) -> Iterator[str]:
    with bare_database(server) as url:
        yield url


def revisions() -> list[str]:
    script = ScriptDirectory(str(PROJECT / "migrations"))
    return [step.revision for step in reversed(list(script.walk_revisions()))]


def shape(database: str) -> list[tuple[str, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(SHAPE).fetchall()


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory(str(PROJECT / "migrations")).get_heads()) == 1


def test_each_migration_goes_up_down_and_up_again(empty: str) -> None:
    app = migrator(empty)
    with app.app_context():
        for step in revisions():
            upgrade(revision=step)
            first = shape(empty)
            downgrade(revision="-1")
            upgrade(revision=step)
            assert shape(empty) == first, f"revision {step} does not come back as it was"


def test_the_whole_chain_goes_down_to_nothing(empty: str) -> None:
    app = migrator(empty)
    with app.app_context():
        upgrade()
        downgrade(revision="base")
    left = [row for row in shape(empty) if row[1] != "alembic_version" and row[2] != "alembic_version_pkc"]
    assert left == []


def test_models_say_what_the_migrations_made(app: Flask, database: str) -> None:
    for path in (PROJECT / "app").rglob("*models.py"):
        importlib.import_module(".".join(path.relative_to(PROJECT).with_suffix("").parts))
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _ours, "compare_type": True})
        differences = compare_metadata(context, db.metadata)
    engine.dispose()
    assert differences == []


def _ours(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """The queue's tables are procrastinate's, some are the migrations' own; partitions are made by the month."""
    if kind == "table" and name is not None:
        return not name.startswith(("procrastinate_", "queue_", "alembic_", "schema_functions")) and not (
            reflected and compare_to is None and _partition(name)
        )
    return True


def _partition(name: str) -> bool:
    return name.startswith(("usage_events_", "event_details_"))
