"""The SQL functions, procedures and views of `functions/<room>/`: the database has what stands there, and nothing else.

A file holds one object and bears its name. `apply_functions` runs after an upgrade to head; a revision makes what its
triggers call with `create_functions`, from the same file, and takes its room's away with `drop_functions`.
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
    """One file: what it makes, the room that owns it, and its text."""

    name: str
    room: str
    kind: str
    text: str

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    def uses(self) -> set[str]:
        """Every word outside comments: among them are the names of what must be made before."""
        return set(_WORD.findall(_COMMENT.sub("", self.text))) - {self.name}


def list_sources(folder: Path = FOLDER) -> list[Source]:
    """What the folder holds, each after those that it uses."""
    found = {source.name: source for source in _read(folder)}
    order = TopologicalSorter({name: source.uses() & found.keys() for name, source in sorted(found.items())})
    return [found[name] for name in order.static_order()]


def apply_functions(connection: Connection, folder: Path = FOLDER) -> None:
    """Make what is new, replace what has another digest than the one recorded, drop what the folder no longer has."""
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
    """Make these now, for a revision whose tables need them; `apply_functions` makes them again and records them."""
    _allow_any_order(connection)
    for source in list_sources():
        if source.name in names:
            _run(connection, source.text)


def drop_functions(connection: Connection, room: str) -> None:
    """Drop what a room has, with the triggers that call it: its tables are about to go."""
    recorded = connection.execute(text("SELECT name FROM schema_functions WHERE room = :room"), {"room": room})
    for name in {*recorded.scalars(), *(source.name for source in _read(FOLDER) if source.room == room)}:
        _drop(connection, name, "CASCADE")


def _read(folder: Path) -> Iterator[Source]:
    for path in folder.rglob("*.sql"):
        sql = path.read_text(encoding="utf-8")
        made = _HEAD.findall(sql)
        if [name for _, name in made] != [path.stem]:
            raise ValueError(f"{path} must make one object, {path.stem}")
        yield Source(path.stem, path.relative_to(folder).parts[0], made[0][0], sql)


def _replace(connection: Connection, source: Source) -> None:
    """Make it in place of what bears its name now, whose arguments, result or columns may differ."""
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
    """What reads a view goes with it: nothing but other objects of the folder can, and they are made after it."""
    for each in _find(connection, name):
        _run(connection, f"DROP {each} {'CASCADE' if each.startswith('VIEW') else how}")
    connection.execute(text("DELETE FROM schema_functions WHERE name = :name"), {"name": name})


def _find(connection: Connection, name: str) -> set[str]:
    """What bears the name, as DROP takes it: `ROUTINE usage_lock(uuid)`."""
    found = connection.execute(
        text(
            "SELECT 'ROUTINE ' || oid::regprocedure FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND proname = :name"
            " UNION ALL SELECT 'VIEW ' || oid::regclass FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relname = :name AND relkind = 'v'"
        ),
        {"name": name},
    )
    return set(found.scalars())


def _allow_any_order(connection: Connection) -> None:
    """Bodies are read when they run: two functions may call each other."""
    connection.execute(text("SET LOCAL check_function_bodies = off"))


def _run(connection: Connection, sql: str) -> None:
    connection.exec_driver_sql(sql.replace("%", "%%"))
