"""What the write calls need from the running app: the pool, time limits, the commit mode, and our SQL error codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from app.kit.postgres.pool import HotPool
from app.subscriptions import periods
from app.web.database import transaction
from app.web.runtime import runtime

LOST_RACE = "TK001"  # the limit was reached between check and write; nothing was written
ONE_BY_ONE = "TK002"  # the batch must be decided event by event; nothing was written
UNRESOLVED = "TK004"  # a usage period is not open, or a meter's terms in it are unresolved; nothing was written
CLIENT_MADE = "TK005"  # a client that the call was about to make was made meanwhile; nothing was written

FLUSH_SINCE = 170000  # from here on, pg_logical_emit_message can flush


@dataclass(frozen=True)
class UsageRecorder:
    """What the write calls need from the running app.

    `resolve_terms(org_id, at, now)` opens the usage period that contains `at`, with its terms, in its own transaction.
    """

    pool: HotPool
    max_age: timedelta
    max_ahead: timedelta
    standby: bool
    resolve_terms: Callable[[UUID, datetime, datetime], None]

    def commits_before_flush(self) -> bool:
        """Whether to commit first and flush before answering: PostgreSQL 17 or newer without a synchronous standby."""
        return not self.standby and self.pool.shared(_can_flush)


def _can_flush(pool: HotPool) -> bool:
    with pool.connection() as connection:
        return connection.info.server_version >= FLUSH_SINCE


def sqlstate(error: psycopg.Error) -> str:
    """Return the SQLSTATE of an error; '' when the server sent none."""
    return error.sqlstate or ""


def resolve_terms(org_id: UUID, at: datetime, now: datetime) -> None:
    """Open the usage period that contains `at` and resolve terms from there on, in its own transaction."""
    with transaction() as session:
        periods.ensure_period(session, org_id, at, now)


def get_usage_recorder() -> UsageRecorder:
    """Return a recorder for the running app."""
    current = runtime()
    settings = current.settings
    return UsageRecorder(
        current.pool, settings.event_max_age, settings.event_max_ahead, settings.synchronous_standby, resolve_terms
    )
