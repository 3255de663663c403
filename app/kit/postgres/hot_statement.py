"""A statement of the hot path, executed by libpq in one call.

psycopg waits between send and receive in Python and releases the GIL at each step; with a few threads on few cores,
reacquiring it costs more than the statement. Here it is released once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus

_numbers = count()
_CACHE = "tollkeeper_hot"


class HotStatement:
    """SQL with %s placeholders whose types PostgreSQL can infer; prepared once per connection.

    `writes`: if its answer is lost, nobody knows whether it was done.

    Arguments are str (array literals too), bytes, int, bool, UUID, aware datetime, or None.
    """

    def __init__(self, sql: str, *, writes: bool = False) -> None:
        self.writes = writes
        head, *rest = sql.split("%s")
        self._sql = (head + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))).encode()
        self._name = b"hot_%d" % next(_numbers)

    def rows(self, connection: Connection, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run it on an autocommit connection; raises psycopg's errors, as `execute` does."""
        values = _encode(arguments)
        prepared, reader = vars(connection).get(_CACHE) or _create_cache(connection)
        link = connection.pgconn
        if self._name not in prepared:
            self._check(connection, link.prepare(self._name, self._sql), ExecStatus.COMMAND_OK)
            prepared.add(self._name)
        result = link.exec_prepared(self._name, values)
        self._check(connection, result, ExecStatus.TUPLES_OK)
        if not result.ntuples:
            return []
        reader.set_pgresult(result)
        rows: list[tuple[Any, ...]] = reader.load_rows(0, result.ntuples, tuple)
        return rows

    @staticmethod
    def _check(connection: Connection, result: Any, wanted: ExecStatus) -> None:
        if result.status == wanted:
            return
        if connection.pgconn.status == ConnStatus.BAD:
            raise psycopg.OperationalError("the connection was lost")
        raise psycopg.errors.error_from_result(result)


def _create_cache(connection: Connection) -> tuple[set[bytes], Any]:
    """Cache on the connection: the names of its prepared statements, and its result reader, which caches the types."""
    cache: tuple[set[bytes], Any] = (set(), Transformer(connection))
    vars(connection)[_CACHE] = cache
    return cache


def _encode_text(value: str) -> bytes:
    text = value.encode()
    if b"\0" in text:
        raise psycopg.DataError("PostgreSQL text cannot contain NUL (0x00) bytes")
    return text


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: _encode_text,
    bytes: lambda value: b"\\x" + value.hex().encode(),
    datetime: lambda value: value.isoformat().encode(),
    UUID: lambda value: str(value).encode(),
    int: lambda value: b"%d" % value,
    bool: lambda value: b"t" if value else b"f",
}


def _encode(arguments: Sequence[Any]) -> list[Any]:  # psycopg's types omit None
    try:
        return [None if value is None else _ENCODERS[type(value)](value) for value in arguments]
    except KeyError as unknown:
        raise TypeError(f"the hot path does not accept {unknown.args[0].__name__}") from None
