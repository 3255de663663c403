"""The hot path's own connections: an autocommit psycopg pool beside SQLAlchemy, one per process."""

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
    """Opens lazily and again after a fork, so that a preloaded app shares no socket with its parent.

    The fork tells us (a hook); asking the system on every call who we are costs more than some statements.
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
        """Lend an autocommit connection; `Unavailable` when the database is away."""
        pool = self._pool or self._open()
        try:
            connection = pool.getconn()
            try:
                yield connection
            finally:
                pool.putconn(connection)  # autocommit: there is no transaction to end, which `with` would try
        except (PoolTimeout, psycopg.OperationalError) as away:
            raise Unavailable("The database is away. Nothing was done; send it again.") from away

    def rows(self, statement: HotStatement, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run one statement of the hot path; `Unavailable` when the database is away."""
        with self.connection() as connection:
            return statement.rows(connection, arguments)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        self._pool = None

    def forsake(self) -> None:
        """Forget the parent's connections and lock in a child that was forked; they are the parent's to close."""
        self._lock = Lock()
        self._pool = None


_pools: WeakSet[HotPool] = WeakSet()


def _forked() -> None:
    for pool in _pools:
        pool.forsake()


os.register_at_fork(after_in_child=_forked)


def _configure(connection: Connection) -> None:
    # The hot path's statements find single rows by key: a plan made once is as good as one made for the values, and
    # left to choose, PostgreSQL may plan every call anew on young tables, which costs more than the call itself.
    # Such a plan must not be a scan because the table was empty when it was made: the keys grow by thousands a second.
    connection.execute(
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),"
        " set_config('statement_timeout', '5s', false), set_config('lock_timeout', '2s', false)"
    )
    connection.prepare_threshold = 0  # the few statements of the hot path are always worth a plan
