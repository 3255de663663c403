"""The hot path's door to the database: whether a write may commit before it is flushed, and its own error codes."""

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

LOST_RACE = "TK001"  # the limit was reached between the check and the write; nothing was written
ONE_BY_ONE = "TK002"  # the batch needs the exact way; nothing was written
NO_PERIOD = "TK004"  # no usage period is open for some event; nothing was written

FLUSH_SINCE = 170000  # pg_logical_emit_message can flush
_durable: WeakKeyDictionary[HotPool, bool] = WeakKeyDictionary()


@dataclass(frozen=True)
class UsageRecorder:
    """What the write calls need of the running app.

    `open_period(org_id, at, now)` opens the usage period that holds `at` in a transaction of its own.
    """

    pool: HotPool
    max_age: timedelta
    max_ahead: timedelta
    standby: bool
    open_period: Callable[[UUID, datetime, datetime], None]

    def durable(self) -> bool:
        """Whether writes may commit first and flush before the answer: PostgreSQL 17 on, no synchronous standby."""
        if self.standby:
            return False
        known = _durable.get(self.pool)
        if known is None:
            with self.pool.connection() as connection:
                known = connection.info.server_version >= FLUSH_SINCE
            _durable[self.pool] = known
        return known


def sqlstate(error: psycopg.Error) -> str:
    """The code of an error, '' when the server gave none."""
    return error.sqlstate or ""


def open_period(org_id: UUID, at: datetime, now: datetime) -> None:
    """Open the usage period that holds `at`, in a transaction of its own."""
    with transaction() as session:
        periods.ensure_period(session, org_id, at, now)


def usage_recorder() -> UsageRecorder:
    """The running app's own."""
    held = runtime()
    settings = held.settings
    return UsageRecorder(
        held.pool, settings.event_max_age, settings.event_max_ahead, settings.synchronous_standby, open_period
    )
