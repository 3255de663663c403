"""The hot path's own connections: an autocommit psycopg pool beside SQLAlchemy, one per process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from app.kit.errors import Unavailable


class HotPool:
    """Opens lazily and again after a fork, so that a preloaded app shares no socket with its parent."""

    def __init__(self, url: str, size: int, timeout: float = 2.0) -> None:
        self._url = url
        self._size = size
        self._timeout = timeout
        self._lock = Lock()
        self._pool: ConnectionPool | None = None
        self._pid = 0

    def _open(self) -> ConnectionPool:
        with self._lock:
            if self._pool is None or self._pid != os.getpid():
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
                self._pid = os.getpid()
            return self._pool

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend an autocommit connection; `Unavailable` when the database is away."""
        pool = self._pool if self._pid == os.getpid() and self._pool is not None else self._open()
        try:
            connection = pool.getconn()
            try:
                yield connection
            finally:
                pool.putconn(connection)  # autocommit: there is no transaction to end, which `with` would try
        except (PoolTimeout, psycopg.OperationalError) as away:
            raise Unavailable("The database is away. Nothing was done; send it again.") from away

    def close(self) -> None:
        if self._pool is not None and self._pid == os.getpid():
            self._pool.close()
        self._pool = None


def _configure(connection: Connection) -> None:
    # The hot path's statements find single rows by key: a plan made once is as good as one made for the values, and
    # left to choose, PostgreSQL may plan every call anew on young tables, which costs more than the call itself.
    # Such a plan must not be a scan because the table was empty when it was made: the keys grow by thousands a second.
    connection.execute(
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),"
        " set_config('statement_timeout', '5s', false), set_config('lock_timeout', '2s', false)"
    )
    connection.prepare_threshold = 0  # the few statements of the hot path are always worth a plan
