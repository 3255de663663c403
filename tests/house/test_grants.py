"""What grants.sql gives, read back from PostgreSQL's catalogue and compared with what the code does."""

from __future__ import annotations

import ast
import json
import re

import psycopg
import pytest

from app.settings import PROJECT
from migrations.apply_functions import FOLDER
from tests.house.source import parsed, walked

WEB, WORKER = "tollkeeper_web", "tollkeeper_worker"
PARENTS = "relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
# Deleted with `session.delete`, or by procrastinate's own functions.
BY_OBJECT = {
    "memberships", "procrastinate_events", "procrastinate_jobs", "procrastinate_periodic_defers",
    "procrastinate_workers", "stripe_prices",
}  # fmt: skip
ERASED = {"event_details", "sign_in_details"}  # by hand, until there is a command


def read_state_columns() -> dict[str, set[str]]:
    """What is written once and then changes its state, and the columns that say so; of what is only appended to, none.

    As migrations/grants.sql lists them.
    """
    grants = (PROJECT / "migrations" / "grants.sql").read_text(encoding="utf-8")
    books = json.loads(grants.partition("state_columns CONSTANT jsonb := '")[2].partition("';")[0])
    appended = grants.partition("append_only CONSTANT text[] := ARRAY[")[2].partition("];")[0]
    never = {table: set[str]() for table in re.findall(r"'(\w+)'", appended)}
    return never | {table: set(columns) for table, columns in books.items()}


STATE_COLUMNS = read_state_columns()


def ask(database: str, query: str, *values: object) -> set[str]:
    with psycopg.connect(database) as connection:
        return {row[0] for row in connection.execute(query, values)}


def allowed(database: str, role: str, privilege: str) -> set[str]:
    """The tables on which the role has the privilege."""
    query = f"SELECT relname FROM pg_class WHERE {PARENTS} AND has_table_privilege(%s, oid, %s)"
    return ask(database, query, role, privilege)


def deleted_in_code() -> set[str]:
    """The tables that app and SQL functions delete from."""
    models, found = {}, set()
    trees = [parsed(path.read_text(encoding="utf-8")) for path in (PROJECT / "app").rglob("*.py")]
    for node in (node for tree in trees for node in walked(tree)):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "__tablename__":
                    models[node.name] = ast.literal_eval(item.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "delete":
            found.add(ast.unparse(node.args[0]))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(re.findall(r"DELETE FROM (\w+)", node.value))
    for path in FOLDER.rglob("*.sql"):
        found |= set(re.findall(r"DELETE FROM (\w+)", path.read_text(encoding="utf-8")))
    return {models.get(name, name) for name in found}


def test_exactly_what_the_code_deletes_may_be_deleted(guarded: str) -> None:
    web, worker = allowed(guarded, WEB, "DELETE"), allowed(guarded, WORKER, "DELETE")
    assert web < worker
    assert worker == deleted_in_code() | BY_OBJECT | ERASED


@pytest.mark.parametrize("role", [WEB, WORKER])
def test_of_a_book_only_its_state_changes(guarded: str, role: str) -> None:
    columns = (
        "SELECT relname || '.' || attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0"
        f" WHERE {PARENTS} AND NOT attisdropped AND relname = ANY (%s)"
        " AND has_column_privilege(%s, pg_class.oid, attnum, 'UPDATE')"
    )
    wanted = {f"{table}.{column}" for table, names in STATE_COLUMNS.items() for column in names}
    assert ask(guarded, columns, list(STATE_COLUMNS), role) == wanted
    assert allowed(guarded, role, "DELETE").isdisjoint(STATE_COLUMNS)


@pytest.mark.parametrize("role", [WEB, WORKER])
@pytest.mark.parametrize("privilege", ["TRUNCATE", "REFERENCES", "TRIGGER"])
def test_no_process_empties_a_table_or_hangs_anything_on_it(guarded: str, role: str, privilege: str) -> None:
    assert allowed(guarded, role, privilege) == set()


def test_strangers_to_the_installation_can_neither_read_nor_execute_anything(guarded: str) -> None:
    """A role of the same cluster, which may connect, has what PUBLIC has."""
    stranger = "pg_read_all_stats"  # any role without rights of its own on our schema
    routines = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    functions = f"{routines} AND has_function_privilege(%s, oid, %s)"
    assert ask(guarded, functions, stranger, "EXECUTE") == set()
    for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        assert allowed(guarded, stranger, privilege) == set()
    assert ask(guarded, functions, WEB, "EXECUTE") == ask(guarded, functions, WORKER, "EXECUTE") != set()
