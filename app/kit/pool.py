"""Connections for the hot path: an autocommit psycopg pool beside SQLAlchemy's, one per process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from app.kit.errors import Unavailable
from app.kit.hot_statement import HotStatement


class HotPool:
    """Opens lazily, and again after a fork, so that a preloaded app shares no socket with its parent.

    A fork hook resets the pool: calling `os.getpid()` on every use would cost more than some statements.
    """

    def __init__(self, url: str, size: int, timeout: float = 2.0) -> None:
        self._url = url
        self._size = size
        self._timeout = timeout
        self._lock = Lock()
        self._pool: ConnectionPool | None = None
        _pools.add(self)

    def _open(self) -> ConnectionPool:
        with self._lock:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._url,
                    min_size=1,
                    max_size=self._size,
                    timeout=self._timeout,
                    reconnect_timeout=3.0,
                    configure=_configure,
                    kwargs={"autocommit": True, "connect_timeout": 2},
                    open=True,
                )
            return self._pool

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield an autocommit connection; `Unavailable` if the database is down."""
        pool = self._pool or self._open()
        try:
            connection = pool.getconn()
            try:
                yield connection
            finally:
                pool.putconn(connection)  # autocommit: no transaction to end, which `with` would attempt
        except (PoolTimeout, psycopg.OperationalError) as error:
            raise Unavailable("The database is unavailable. Nothing was done; send it again.") from error

    def rows(self, statement: HotStatement, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run one hot-path statement; `Unavailable` if the database is down."""
        with self.connection() as connection:
            return statement.rows(connection, arguments)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        self._pool = None

    def discard_after_fork(self) -> None:
        """Drop the parent's connections and lock in a forked child; the parent closes them."""
        self._lock = Lock()
        self._pool = None


_pools: WeakSet[HotPool] = WeakSet()


def _reset_pools() -> None:
    for pool in _pools:
        pool.discard_after_fork()


os.register_at_fork(after_in_child=_reset_pools)


def _configure(connection: Connection) -> None:
    # Hot-path statements look up single rows by key, so a generic plan is as good as a custom one. Left to choose,
    # PostgreSQL may replan every call on young tables, which costs more than the call itself. A plan made while a table
    # was empty must not be a sequential scan: the tables grow by thousands of rows a second.
    connection.execute(
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),"
        " set_config('statement_timeout', '5s', false), set_config('lock_timeout', '2s', false)"
    )
    connection.prepare_threshold = 0  # the few hot-path statements are always worth preparing
