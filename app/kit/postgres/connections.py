"""Connections to PostgreSQL whose every wait ends by a deadline in the client.

The server's own time-outs are worth nothing once its host has vanished, it is frozen, or a proxy between stops
forwarding; keepalives notice the first of these only. So psycopg's waits are limited here, and calls that block inside
libpq by `CallWatch`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from math import inf
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy.exc import InvalidatePoolError

# A host that vanishes is noticed within 5 s by whoever sends, and within 11 s by whoever only listens.
TCP: Mapping[str, int] = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
IDLE_SECONDS = 5.0
_CHECK_SECONDS = 2.0
_WATCH_SECONDS = 0.1
_MARGIN_SECONDS = 0.5  # the server's own time-out comes first, since it says why


class ConnectionLost(psycopg.OperationalError):
    """The database did not answer in time; the connection is closed. What was sent may still be carried out."""


class LimitedConnection(Connection[Any]):
    """A connection whose waits for an answer end after `longest_wait` seconds; None waits as long as it takes."""

    longest_wait: float | None = None
    usual_wait: float | None = None  # what `longest_wait` returns to after a transaction that needed longer
    opened_at = returned_at = 0.0

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's. Raises `ConnectionLost` at the connection's own limit."""
        if timeout is not None or self.longest_wait is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.longest_wait)
        except psycopg.errors._WaitTimeout:
            self.close()
            raise ConnectionLost("the database did not answer in time") from None

    def rollback(self) -> None:
        """As psycopg's, which forgets its prepared statements too.

        A page only reads, so its transaction ends like this, and none of its statements would ever stay planned.
        PostgreSQL keeps them; after an error they are forgotten, so that one whose table has changed is planned anew.
        """
        if self.pgconn.transaction_status == TransactionStatus.INTRANS:
            with self.lock:
                self.pgconn.send_query(b"ROLLBACK")
                self.wait(generators.execute(self.pgconn))
        super().rollback()  # does nothing unless a transaction is left

    def answers(self) -> bool:
        """Whether the server answers: asked only after `IDLE_SECONDS` without use. False closes the connection."""
        if monotonic() - self.returned_at < IDLE_SECONDS:
            return True
        try:
            self.pgconn.send_query(b"")
            answer = super().wait(generators.execute(self.pgconn), timeout=_CHECK_SECONDS)
        except psycopg.Error:
            answer = []
        if not answer or answer[-1].status != ExecStatus.EMPTY_QUERY:
            self.close()
            return False
        return True


class LimitedAsyncConnection(AsyncConnection[Any]):
    """The same for the queue of the worker. Waits for a notification have a limit of their own."""

    longest_wait = 65.0

    async def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's. Raises `ConnectionLost` at the limit."""
        try:
            return await super().wait(gen, interval, self.longest_wait if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            if timeout is not None:
                raise
            await self.close()
            raise ConnectionLost("the database did not answer in time") from None


def connect(url: str, statement_limit: timedelta | None, **arguments: Any) -> LimitedConnection:
    """Open a connection for statements that end within the limit; None sets no limit.

    Raises `psycopg.OperationalError` if the database does not answer within seconds.
    """
    connection = LimitedConnection.connect(url, **{**arguments, **TCP})
    set_limit(connection, statement_limit)
    return connection


def set_limit(connection: LimitedConnection, statement_limit: timedelta | None) -> None:
    """Limit the waits of a connection whose statements the server ends after `statement_limit`."""
    connection.longest_wait = connection.usual_wait = _client_limit(statement_limit)
    connection.opened_at = connection.returned_at = monotonic()


def extend_wait(connection: LimitedConnection, statement_limit: timedelta | None) -> timedelta | None:
    """Let a pool's connection wait for longer statements until it is returned; returns the limit for the server.

    A connection without a limit keeps none.
    """
    if connection.usual_wait is None:
        return None
    connection.longest_wait = _client_limit(statement_limit)
    return statement_limit


def _client_limit(statement_limit: timedelta | None) -> float | None:
    return statement_limit.total_seconds() + _MARGIN_SECONDS if statement_limit else None


def server_limit(statement_limit: timedelta | None) -> str:
    """The limit as PostgreSQL's `statement_timeout`."""
    return f"{int(statement_limit.total_seconds() * 1000) if statement_limit else 0}ms"


def check_out(connection: LimitedConnection, _record: Any, _proxy: Any) -> None:
    """For SQLAlchemy's pool: before a connection is used, check that it is alive."""
    if not connection.answers():
        raise InvalidatePoolError  # the pool replaces it and all that are as old


def check_in(connection: LimitedConnection | None, _record: Any) -> None:
    """For SQLAlchemy's pool: note when a connection was used last, and give it its usual limit."""
    if connection is not None:  # None: it was invalidated
        connection.returned_at = monotonic()
        connection.longest_wait = connection.usual_wait


class CallWatch:
    """Ends calls that block inside libpq, by shutting down their socket. A call costs no system call for it."""

    def __init__(self, statement_limit: timedelta | None) -> None:
        self._limit = statement_limit.total_seconds() + _MARGIN_SECONDS if statement_limit else inf
        self._calls: dict[int, tuple[float, int]] = {}
        self._numbers = count()
        self._ending = Lock()
        self._starting = Lock()
        self._watcher: Thread | None = None
        self._stopped = Event()

    def begin(self, descriptor: int) -> int:
        """Watch a call on this socket; returns the number to end it with."""
        if self._watcher is None:
            self._start()
        number = next(self._numbers)
        self._calls[number] = monotonic() + self._limit, descriptor
        return number

    def end(self, number: int) -> None:
        """The call has returned."""
        if self._calls.pop(number, None) is None:
            with self._ending:  # the watcher is shutting the socket down: its number must not be used again before
                pass

    def stop(self) -> None:
        """End the watching thread."""
        self._stopped.set()

    def _start(self) -> None:
        with self._starting:
            if self._watcher is None:
                self._watcher = Thread(target=self._watch, name="database-deadlines", daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        while not self._stopped.wait(_WATCH_SECONDS):
            now = monotonic()
            for number, (deadline, descriptor) in self._calls.copy().items():
                if deadline < now:
                    with self._ending:
                        if self._calls.pop(number, None) is not None:
                            _shut_down(descriptor)


def _shut_down(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        try:
            ours.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already
