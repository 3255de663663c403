"""Background work leaves with the commit: a task is deferred on the session's own connection.

The queue is procrastinate's, in the same PostgreSQL; its SQL function is called directly, so that the row
exists exactly when the caller's transaction commits.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW("
    "CAST('default' AS varchar), CAST(:task AS varchar), 0, CAST(:lock AS varchar), CAST(:once AS varchar),"
    " CAST(:args AS jsonb), CAST(:at AS timestamptz))]::procrastinate_job_to_defer_v1[])"
)


def defer(
    session: Session,
    task: str,
    *,
    lock: str | None = None,
    once: str | None = None,
    at: datetime | None = None,
    **args: Any,
) -> None:
    """Put a task in the queue inside the caller's transaction.

    `task` is its name ("mail.send"); `args` are JSON values; `lock` runs tasks of one lock one after another;
    `once` refuses a second waiting task of the same name (unique violation); `at` is wall-clock time.
    """
    session.execute(_DEFER, {"task": task, "lock": lock, "once": once, "at": at, "args": json.dumps(args)})
