"""Records when and from where a key was last used: collected in memory, written by a timer, outside the request.

A crash loses the last few seconds of marks and nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock, Timer
from uuid import UUID

import psycopg

from app.kit.errors import Unavailable
from app.kit.postgres.pool import HotPool

MARK_INTERVAL = timedelta(minutes=1)
_DELAY_SECONDS = 2.0
# SKIP LOCKED in id order: two processes that mark the same keys neither wait for each other nor deadlock.
_MARK_USED = """
WITH marks AS (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[]) AS marks (id, at, address)),
     due AS (SELECT key.id FROM api_keys key JOIN marks USING (id)
             WHERE key.last_used_at IS NULL OR key.last_used_at <= marks.at - %s::interval
             ORDER BY key.id FOR UPDATE OF key SKIP LOCKED)
UPDATE api_keys SET last_used_at = marks.at, last_used_address = marks.address
FROM marks JOIN due USING (id) WHERE api_keys.id = marks.id
"""


class LastUsed:
    """The marks of one process that are not written yet."""

    def __init__(self, pool: HotPool) -> None:
        self._pool = pool
        self._lock = Lock()
        self._pending: dict[UUID, tuple[datetime, str | None]] = {}

    def record(self, key_id: UUID, before: datetime | None, at: datetime, address: str | None) -> None:
        """Remember a use, unless the previous mark (`before`) is less than a minute old."""
        if before is not None and at - before < MARK_INTERVAL:
            return
        with self._lock:
            first = not self._pending
            self._pending[key_id] = (at, address)
        if first:
            timer = Timer(_DELAY_SECONDS, self.write)
            timer.daemon = True
            timer.start()

    def write(self) -> None:
        """Write the collected marks. If that fails they are dropped; the next use marks the key again."""
        with self._lock:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        ids = list(pending)
        values = (ids, [pending[i][0] for i in ids], [pending[i][1] for i in ids], MARK_INTERVAL)
        try:
            with self._pool.connection() as connection:
                connection.execute(_MARK_USED, values)
        except (Unavailable, psycopg.Error):
            return
