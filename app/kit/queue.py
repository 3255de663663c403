"""Background tasks become visible at commit: they are deferred on the session's own connection.

The queue is procrastinate, in the same PostgreSQL. Its SQL function is called directly, so the task row commits or
rolls back with the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW("
    "CAST(:queue AS varchar), CAST(:task AS varchar), 0, CAST(:lock AS varchar), CAST(:once AS varchar),"
    " CAST(:args AS jsonb), CAST(:at AS timestamptz))]::procrastinate_job_to_defer_v1[])"
)


Due = Callable[[Session, datetime, datetime], datetime | None]
"""Of a room: the earliest instant in (after, until] at which a row of its falls due, by the business clock."""


def queue_of(task: str) -> str:
    """The queue of a task: the room in its name, so that the worker can give rooms slots of their own.

    >>> queue_of("mail.send")
    'mail'
    """
    return task.partition(".")[0]


def defer(
    session: Session,
    task: str,
    *,
    lock: str | None = None,
    once: str | None = None,
    at: datetime | None = None,
    **args: Any,
) -> int:
    """Queue a task inside the caller's transaction; returns the job's number.

    `task` is its name ("mail.send"); `args` are JSON values; tasks that share a `lock` run one after another; `once`
    refuses a second waiting task of the same value (unique violation); `at` is wall-clock time.
    """
    values = {"queue": queue_of(task), "task": task, "lock": lock, "once": once, "at": at, "args": json.dumps(args)}
    return int(session.execute(_DEFER, values).scalar_one()[0])
