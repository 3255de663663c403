"""Connections for the hot path: an autocommit psycopg pool beside SQLAlchemy's, one per process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import Any, TypeVar, cast
from weakref import WeakSet

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from app.kit.errors import Unavailable
from app.kit.postgres.connections import TCP, CallWatch, LimitedConnection, server_limit, set_limit
from app.kit.postgres.hot_statement import HotStatement
from app.kit.postgres.lost_answers import AWAY, explain

T = TypeVar("T")


class HotPool:
    """Opens lazily, and again after a fork, so that a preloaded app shares no socket with its parent.

    A fork hook resets the pool: calling `os.getpid()` on every use would cost more than some statements.
    """

    def __init__(
        self, url: str, size: int, timeout: float = 2.0, statement_limit: timedelta | None = timedelta(seconds=5)
    ) -> None:
        """`timeout`: seconds to wait for a connection. `statement_limit` ends statements, here and at the server."""
        self._url = url
        self._size = size
        self._timeout = timeout
        self._statement_limit = statement_limit
        self._lock = Lock()
        self._pool: ConnectionPool[LimitedConnection] | None = None
        self._watch = CallWatch(statement_limit)
        self._drained_at = 0.0
        self._closed = False
        self._shared: dict[Any, Any] = {}
        _pools.add(self)

    def shared(self, create: Callable[[HotPool], T]) -> T:
        """The pool's only object of a kind, such as a cache of what its database holds: `create(pool)` makes it."""
        found = self._shared.get(create)
        return cast("T", self._shared.setdefault(create, create(self)) if found is None else found)

    def _open(self) -> ConnectionPool[LimitedConnection]:
        with self._lock:
            if self._closed:
                raise Unavailable(AWAY)
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._url,
                    min_size=1,
                    max_size=self._size,
                    timeout=self._timeout,
                    reconnect_timeout=3.0,
                    configure=self._configure,
                    connection_class=LimitedConnection,
                    kwargs={"autocommit": True, **TCP},
                    open=True,
                )
            return self._pool

    @contextmanager
    def connection(self) -> Iterator[LimitedConnection]:
        """Yield an autocommit connection; `Unavailable` or `Busy` if the database fails. For reads and for marks."""
        pool = self._pool or self._open()
        try:
            connection = self._take(pool)
            try:
                yield connection
            finally:
                self._give_back(pool, connection)
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise explain(error) from error

    def rows(self, statement: HotStatement, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run one hot-path statement; `Unavailable`, `Busy` or `OutcomeUnknown` if the database fails."""
        pool = self._pool or self._open()
        try:
            connection = self._take(pool)
            try:
                return self._run(statement, connection, arguments)
            finally:
                self._give_back(pool, connection)
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise explain(error) from error

    def _run(
        self, statement: HotStatement, connection: LimitedConnection, arguments: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        number = self._watch.begin(connection.pgconn.socket)
        try:
            return statement.rows(connection, arguments)
        except psycopg.OperationalError as error:
            raise explain(error, maybe_done=statement.writes) from error
        finally:
            self._watch.end(number)

    def close(self) -> None:
        """Close it for good: whoever still asks, such as a timer, gets `Unavailable`."""
        with self._lock:
            self._closed, pool, self._pool = True, self._pool, None
        if pool is not None:
            pool.close()
        self._watch.stop()

    def discard_after_fork(self) -> None:
        """Drop the parent's connections, locks and caches in a forked child; the parent closes its own."""
        self._shared = {}
        self._lock = Lock()
        self._pool = None
        self._watch = CallWatch(self._statement_limit)

    def _take(self, pool: ConnectionPool[LimitedConnection]) -> LimitedConnection:
        """Take a connection that is alive. The first dead one has all of its age replaced."""
        while True:
            connection = pool.getconn()
            if connection.answers():
                return connection
            if connection.opened_at > self._drained_at:
                self._drained_at = monotonic()
                pool.drain()
            pool.putconn(connection)

    @staticmethod
    def _give_back(pool: ConnectionPool[LimitedConnection], connection: LimitedConnection) -> None:
        connection.returned_at = monotonic()
        pool.putconn(connection)  # autocommit: no transaction to end, which `with` would attempt

    def _configure(self, connection: LimitedConnection) -> None:
        set_limit(connection, self._statement_limit)
        connection.execute(_SETUP, {"limit": server_limit(self._statement_limit)})
        connection.prepare_threshold = 0  # the few hot-path statements are always worth preparing


# Hot-path statements look up single rows by key, so a generic plan is as good as a custom one. Left to choose,
# PostgreSQL may replan every call on young tables, which costs more than the call itself. A plan made while a table
# was empty must not be a sequential scan: the tables grow by thousands of rows a second.
_SETUP = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
       set_config('statement_timeout', %(limit)s, false), set_config('lock_timeout', '2s', false)
"""
_pools: WeakSet[HotPool] = WeakSet()


def _reset_pools() -> None:
    for pool in _pools:
        pool.discard_after_fork()


os.register_at_fork(after_in_child=_reset_pools)
