"""SQL functions have one source: what stands in `migrations/functions` is what the database has, each with a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from flask_migrate import downgrade, upgrade

from app.settings import PROJECT
from migrations.apply_functions import apply_functions, list_sources
from tests.support.database import bare_database, migrator

DEFINITIONS = """
    SELECT proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND NOT starts_with(proname, 'procrastinate_')
    UNION ALL SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'
    ORDER BY 1, 2
"""
LAST_BASELINE = "0010"  # the last revision but one
BEFORE_PAYMENTS = "0008"


@pytest.fixture
def empty(server: Path) -> Iterator[str]:
    with bare_database(server) as url:
        yield url


def definitions(database: str) -> list[tuple[str, str]]:
    with psycopg.connect(database) as connection:
        return connection.execute(DEFINITIONS).fetchall()


def test_every_routine_and_view_comes_from_the_folder(database: str) -> None:
    assert [name for name, _ in definitions(database)] == sorted(source.name for source in list_sources())


def test_the_folder_alone_makes_what_the_database_has(database: str, empty: str) -> None:
    with migrator(empty).app_context():
        upgrade(revision=LAST_BASELINE)
        upgrade(revision="+1")
    with psycopg.connect(empty) as connection:
        for source in reversed(list_sources()):
            connection.execute(f"DROP {source.kind} {source.name} CASCADE")
        connection.execute("SET check_function_bodies = off")
        for source in list_sources():
            connection.execute(source.text)
    assert definitions(empty) == definitions(database)


def test_functions_are_applied_at_head_only_and_stay_on_the_way_down(empty: str) -> None:
    with migrator(empty).app_context():
        upgrade(revision=LAST_BASELINE)
        assert "usage_record" not in dict(definitions(empty))
        upgrade()
        whole = definitions(empty)
        downgrade(revision=BEFORE_PAYMENTS)
        gone = {source.name for source in list_sources() if source.room in {"payments", "invoices", "billing_runs"}}
        assert {name for name, _ in whole} - dict(definitions(empty)).keys() == gone
        upgrade()
        assert definitions(empty) == whole


def test_what_was_changed_in_the_database_stays_until_the_file_changes(scratch: Scratch) -> None:
    scratch.write("t_one", "FUNCTION t_one() RETURNS integer LANGUAGE sql RETURN 1")
    scratch.apply()
    scratch.connection.exec_driver_sql("CREATE OR REPLACE FUNCTION t_one() RETURNS integer LANGUAGE sql RETURN 7")
    scratch.apply()
    assert scratch.value("t_one()") == 7
    scratch.write("t_one", "FUNCTION t_one() RETURNS integer LANGUAGE sql RETURN 2")
    scratch.apply()
    assert scratch.value("t_one()") == 2


def test_other_arguments_or_another_result_leave_one_function(scratch: Scratch) -> None:
    for signature, call, answer in (
        ("t_one(a integer) RETURNS integer", "t_one(1)", 5),
        ("t_one(a integer, b integer) RETURNS integer", "t_one(1, 2)", 5),
        ("t_one(b integer, a integer) RETURNS text", "t_one(1, 2)", "5"),
    ):
        scratch.write("t_one", f"FUNCTION {signature} LANGUAGE sql RETURN 5")
        scratch.apply()
        assert scratch.value(call) == answer
        assert scratch.count("t_one") == 1


def test_a_view_may_lose_a_column(scratch: Scratch) -> None:
    for columns in ("1 AS a, 2 AS b", "3 AS b"):
        scratch.write("t_view", f"VIEW t_view AS SELECT {columns}")
        scratch.apply()
    assert scratch.value("(SELECT b FROM t_view)") == 3


def test_a_view_that_others_read_may_lose_a_column_and_go(scratch: Scratch) -> None:
    scratch.write("t_c", "VIEW t_c AS SELECT b FROM t_view")
    scratch.write("t_b", "FUNCTION t_b() RETURNS integer LANGUAGE sql RETURN (SELECT max(b) FROM t_c)")
    for columns in ("1 AS a, 2 AS b", "3 AS b"):
        scratch.write("t_view", f"VIEW t_view AS SELECT {columns}")
        scratch.apply()
    assert scratch.value("t_b()") == 3
    (scratch.folder / "room" / "t_view.sql").unlink()
    scratch.write("t_c", "VIEW t_c AS SELECT 4 AS b")
    scratch.apply()
    assert scratch.value("t_b()") == 4


def test_each_comes_after_what_it_uses_and_goes_when_its_file_goes(scratch: Scratch) -> None:
    scratch.write("t_a", "FUNCTION t_a() RETURNS integer LANGUAGE sql RETURN t_b() + 1")
    scratch.write("t_b", "FUNCTION t_b() RETURNS integer LANGUAGE sql RETURN (SELECT max(n) FROM t_c)")
    scratch.write("t_c", "VIEW t_c AS SELECT 3 AS n")
    scratch.apply()
    assert scratch.value("t_a()") == 4
    (scratch.folder / "room" / "t_a.sql").unlink()
    scratch.apply()
    assert (scratch.count("t_a"), scratch.count("t_b")) == (0, 1)


def test_what_is_gone_from_the_database_is_made_again(scratch: Scratch) -> None:
    scratch.write("t_one", "FUNCTION t_one() RETURNS integer LANGUAGE sql RETURN 1")
    scratch.apply()
    scratch.connection.exec_driver_sql("DROP FUNCTION t_one()")
    scratch.apply()
    assert scratch.count("t_one") == 1


def test_a_file_bears_the_name_of_the_one_object_it_makes(scratch: Scratch) -> None:
    scratch.write("t_one", "FUNCTION t_two() RETURNS integer LANGUAGE sql RETURN 1")
    with pytest.raises(ValueError, match="must define exactly one object, t_one"):
        scratch.apply()


def test_each_function_has_a_table_test() -> None:
    tested = {word for text in strings(PROJECT / "tests" / "sql") for word in re.findall(r"\w+", text)}
    assert sorted(source.name for source in list_sources() if source.name not in tested) == []


def strings(folder: Path) -> Iterator[str]:
    """The strings of the tests in a folder: its SQL, and no docstring or comment."""
    for path in folder.glob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                yield node.value


class Scratch:
    """A folder of functions of the test's own, applied to a database whose changes are taken back."""

    def __init__(self, connection: sa.Connection, folder: Path) -> None:
        self.connection, self.folder = connection, folder
        connection.exec_driver_sql("DELETE FROM schema_functions")

    def write(self, name: str, made: str) -> None:
        (self.folder / "room").mkdir(exist_ok=True)
        (self.folder / "room" / f"{name}.sql").write_text(f"-- of t_a, t_b and t_c\nCREATE OR REPLACE {made};\n")

    def apply(self) -> None:
        apply_functions(self.connection, self.folder)

    def value(self, expression: str) -> object:
        return self.connection.exec_driver_sql(f"SELECT {expression}").scalar_one()

    def count(self, name: str) -> int:
        found = self.connection.execute(sa.text("SELECT count(*) FROM pg_proc WHERE proname = :name"), {"name": name})
        return int(found.scalar_one())


@pytest.fixture
def scratch(database: str, tmp_path: Path) -> Iterator[Scratch]:
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        yield Scratch(connection, tmp_path)
        connection.rollback()
    engine.dispose()
