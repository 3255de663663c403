"""Keeps the database's functions, procedures and views identical to `functions/<room>/`.

A file defines one object and has its name. `apply_functions` runs after an upgrade to head. A revision creates the
functions that its triggers call with `create_functions`, from the same files, and drops its room's with
`drop_functions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path

from psycopg.errors import InvalidFunctionDefinition, InvalidTableDefinition
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

FOLDER = Path(__file__).with_name("functions")
_HEAD = re.compile(r"^CREATE OR REPLACE (FUNCTION|PROCEDURE|VIEW) (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"--.*")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Source:
    """A file: the object it defines, the room that owns it, and its text."""

    name: str
    room: str
    kind: str
    text: str

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    def uses(self) -> set[str]:
        """Every word outside comments, including the names of objects that must be created first."""
        return set(_WORD.findall(_COMMENT.sub("", self.text))) - {self.name}


def list_sources(folder: Path = FOLDER) -> list[Source]:
    """List the folder's sources in dependency order."""
    sources = {source.name: source for source in _read(folder)}
    order = TopologicalSorter({name: source.uses() & sources.keys() for name, source in sorted(sources.items())})
    return [sources[name] for name in order.static_order()]


def apply_functions(connection: Connection, folder: Path = FOLDER) -> None:
    """Create new objects, replace those whose digest differs from the recorded one, drop those without a file."""
    sources = list_sources(folder)
    _allow_any_order(connection)
    recorded = {row.name: row.digest for row in connection.execute(text("SELECT name, digest FROM schema_functions"))}
    for name in recorded.keys() - {source.name for source in sources}:
        _drop(connection, name)
    for source in sources:
        if recorded.get(source.name) != source.digest or not _find(connection, source.name):
            _replace(connection, source)
            connection.execute(
                text(
                    "INSERT INTO schema_functions (name, room, digest) VALUES (:name, :room, :digest)"
                    " ON CONFLICT (name) DO UPDATE SET room = excluded.room, digest = excluded.digest"
                ),
                {"name": source.name, "room": source.room, "digest": source.digest},
            )


def create_functions(connection: Connection, *names: str) -> None:
    """Create functions for a revision whose tables need them. `apply_functions` recreates and records them later."""
    _allow_any_order(connection)
    for source in list_sources():
        if source.name in names:
            _run(connection, source.text)


def drop_functions(connection: Connection, room: str) -> None:
    """Drop a room's objects, with the triggers that call them, before its tables are dropped."""
    recorded = connection.execute(text("SELECT name FROM schema_functions WHERE room = :room"), {"room": room})
    for name in {*recorded.scalars(), *(source.name for source in _read(FOLDER) if source.room == room)}:
        _drop(connection, name, "CASCADE")


def _read(folder: Path) -> Iterator[Source]:
    for path in folder.rglob("*.sql"):
        sql = path.read_text(encoding="utf-8")
        objects = _HEAD.findall(sql)
        if [name for _, name in objects] != [path.stem]:
            raise ValueError(f"{path} must define exactly one object, {path.stem}")
        yield Source(path.stem, path.relative_to(folder).parts[0], objects[0][0], sql)


def _replace(connection: Connection, source: Source) -> None:
    """Replace the object of the same name, even if its arguments, result or columns differ."""
    before = _find(connection, source.name)
    try:
        with connection.begin_nested():
            _run(connection, source.text)
    except DBAPIError as error:
        if not isinstance(error.orig, InvalidFunctionDefinition | InvalidTableDefinition):
            raise
        _drop(connection, source.name)
        _run(connection, source.text)
        return
    if _find(connection, source.name) - before:
        for stale in before:
            _run(connection, f"DROP {stale}")


def _drop(connection: Connection, name: str, how: str = "RESTRICT") -> None:
    """Drop the objects with this name.

    Dropping a view cascades: its dependants are other objects of this folder, which are created again afterwards.
    """
    for signature in _find(connection, name):
        _run(connection, f"DROP {signature} {'CASCADE' if signature.startswith('VIEW') else how}")
    connection.execute(text("DELETE FROM schema_functions WHERE name = :name"), {"name": name})


def _find(connection: Connection, name: str) -> set[str]:
    """Find the objects with this name, in the form that DROP expects: `ROUTINE usage_lock(uuid)`."""
    signatures = connection.execute(
        text(
            "SELECT 'ROUTINE ' || oid::regprocedure FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND proname = :name"
            " UNION ALL SELECT 'VIEW ' || oid::regclass FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relname = :name AND relkind = 'v'"
        ),
        {"name": name},
    )
    return set(signatures.scalars())


def _allow_any_order(connection: Connection) -> None:
    """Skip the check of function bodies, so that two functions may call each other."""
    connection.execute(text("SET LOCAL check_function_bodies = off"))


def _run(connection: Connection, sql: str) -> None:
    connection.exec_driver_sql(sql.replace("%", "%%"))
