"""What the write calls need from the running app: the pool, time limits, the commit mode, and our SQL error codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg

from app.kit.pool import HotPool
from app.subscriptions import periods
from app.web.database import transaction
from app.web.runtime import runtime

LOST_RACE = "TK001"  # the limit was reached between check and write; nothing was written
ONE_BY_ONE = "TK002"  # the batch must be decided event by event; nothing was written
NO_PERIOD = "TK004"  # some event has no open usage period; nothing was written

FLUSH_SINCE = 170000  # from here on, pg_logical_emit_message can flush
_can_flush: WeakKeyDictionary[HotPool, bool] = WeakKeyDictionary()


@dataclass(frozen=True)
class UsageRecorder:
    """What the write calls need from the running app.

    `open_period(org_id, at, now)` opens the usage period that contains `at`, in its own transaction.
    """

    pool: HotPool
    max_age: timedelta
    max_ahead: timedelta
    standby: bool
    open_period: Callable[[UUID, datetime, datetime], None]

    def commits_before_flush(self) -> bool:
        """Whether to commit first and flush before answering: PostgreSQL 17 or newer without a synchronous standby."""
        if self.standby:
            return False
        supported = _can_flush.get(self.pool)
        if supported is None:
            with self.pool.connection() as connection:
                supported = connection.info.server_version >= FLUSH_SINCE
            _can_flush[self.pool] = supported
        return supported


def sqlstate(error: psycopg.Error) -> str:
    """Return the SQLSTATE of an error; '' when the server sent none."""
    return error.sqlstate or ""


def open_period(org_id: UUID, at: datetime, now: datetime) -> None:
    """Open the usage period that contains `at`, in its own transaction."""
    with transaction() as session:
        periods.ensure_period(session, org_id, at, now)


def get_usage_recorder() -> UsageRecorder:
    """Return a recorder for the running app."""
    current = runtime()
    settings = current.settings
    return UsageRecorder(
        current.pool, settings.event_max_age, settings.event_max_ahead, settings.synchronous_standby, open_period
    )
