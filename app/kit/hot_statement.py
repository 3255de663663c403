"""One statement of the hot path, run by libpq in one call.

psycopg waits between sending and receiving in Python, and gives the interpreter's lock away at each step; with a few
threads on few cores, taking it back costs more than the statement. Here it is given away once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus

_numbers = count()
_HELD = "tollkeeper_hot"


class HotStatement:
    """SQL with %s for its arguments, whose types PostgreSQL knows from where they stand; prepared once a connection.

    Arguments are str (arrays as literals too), bytes, int, bool, UUID, datetime with a zone, or None.
    """

    def __init__(self, sql: str) -> None:
        head, *rest = sql.split("%s")
        self._sql = (head + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))).encode()
        self._name = b"hot_%d" % next(_numbers)

    def rows(self, connection: Connection, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run it on an autocommit connection; raises psycopg's errors as `execute` does."""
        values: list[Any] = [_dumped(each) for each in arguments]  # psycopg forgets that NULL is a value
        known, reading = vars(connection).get(_HELD) or _hold(connection)
        link = connection.pgconn
        if self._name not in known:
            self._check(connection, link.prepare(self._name, self._sql), ExecStatus.COMMAND_OK)
            known.add(self._name)
        result = link.exec_prepared(self._name, values)
        self._check(connection, result, ExecStatus.TUPLES_OK)
        if not result.ntuples:
            return []
        reading.set_pgresult(result)
        found: list[tuple[Any, ...]] = reading.load_rows(0, result.ntuples, tuple)
        return found

    @staticmethod
    def _check(connection: Connection, result: Any, wanted: ExecStatus) -> None:
        if result.status == wanted:
            return
        if connection.pgconn.status == ConnStatus.BAD:
            raise psycopg.OperationalError("the connection was lost")
        raise psycopg.errors.error_from_result(result)


def _hold(connection: Connection) -> tuple[set[bytes], Any]:
    """The statements that a connection knows, and what reads their results and remembers how; kept on it."""
    held: tuple[set[bytes], Any] = (set(), Transformer(connection))
    vars(connection)[_HELD] = held
    return held


def _dumped(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value.encode()
        if b"\0" in text:
            raise psycopg.DataError("PostgreSQL text cannot contain NUL (0x00) bytes")
        return text
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    if isinstance(value, datetime):
        return value.isoformat().encode()
    if isinstance(value, int | UUID):  # a bool too: PostgreSQL reads True
        return str(value).encode()
    raise TypeError(f"the hot path takes no {type(value).__name__}")
