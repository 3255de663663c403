"""When and from where a key was last used: noted in memory, written by a timer, off the path of the request.

A crash loses the marks of the last seconds and nothing else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock, Timer
from uuid import UUID

import psycopg

from app.kit.errors import Unavailable
from app.kit.pool import HotPool

EVERY = timedelta(minutes=1)
_DELAY_SECONDS = 2.0
# SKIP LOCKED in id order: two processes that mark the same keys neither wait for each other nor deadlock.
_MARK = """
WITH noted AS (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[]) AS noted (id, at, address)),
     due AS (SELECT key.id FROM api_keys key JOIN noted USING (id)
             WHERE key.last_used_at IS NULL OR key.last_used_at <= noted.at - %s::interval
             ORDER BY key.id FOR UPDATE OF key SKIP LOCKED)
UPDATE api_keys SET last_used_at = noted.at, last_used_address = noted.address
FROM noted JOIN due USING (id) WHERE api_keys.id = noted.id
"""


class LastUsed:
    """The marks not yet written, of one process."""

    def __init__(self, pool: HotPool) -> None:
        self._pool = pool
        self._lock = Lock()
        self._noted: dict[UUID, tuple[datetime, str | None]] = {}

    def note(self, key_id: UUID, before: datetime | None, at: datetime, address: str | None) -> None:
        """Remember a use, unless the mark `before` is less than a minute old."""
        if before is not None and at - before < EVERY:
            return
        with self._lock:
            first = not self._noted
            self._noted[key_id] = (at, address)
        if first:
            timer = Timer(_DELAY_SECONDS, self.write)
            timer.daemon = True
            timer.start()

    def write(self) -> None:
        """Write what was noted; marks that cannot be written now are dropped, the next use makes new ones."""
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return
        ids = list(noted)
        values = (ids, [noted[i][0] for i in ids], [noted[i][1] for i in ids], EVERY)
        try:
            with self._pool.connection() as connection:
                connection.execute(_MARK, values)
        except (Unavailable, psycopg.Error):
            return
