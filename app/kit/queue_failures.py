"""Background tasks that fail: their last error, which the queue does not keep, and retrying one that is parked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.kit.errors import Conflict

_MOST_ERROR = 1000
_NOTE = text("""
    INSERT INTO queue_failures (job_id, failures, error, failed_at) VALUES (:id, 1, :error, :now)
    ON CONFLICT (job_id) DO UPDATE
    SET failures = queue_failures.failures + 1, error = excluded.error, failed_at = excluded.failed_at
""")
# The state is read under the row's lock: of two at once, the second finds the job waiting. procrastinate's own function
# would also take a job that is running, and queue it a second time.
_RETRY = text("""
    WITH job AS (SELECT id, task_name FROM procrastinate_jobs WHERE id = :id AND status = 'failed' FOR UPDATE)
    SELECT job.task_name, procrastinate_retry_job_v2(job.id, :now, NULL, NULL, NULL) FROM job
""")


def note_failure(session: Session, job_id: int, error: str, *, now: datetime) -> None:
    """Keep a job's last error, redacted as for a log. It is deleted with the job, once that succeeds.

    `now` is wall-clock time.
    """
    session.execute(_NOTE, {"id": job_id, "error": error[:_MOST_ERROR].replace("\x00", ""), "now": now})


def retry_job(session: Session, job_id: int, *, now: datetime) -> str | None:
    """Queue a failed job again, for one attempt; returns its task, or None if it has not failed.

    Raises `Conflict` if the job may wait only once and another one does. `now` is wall-clock time.
    """
    try:
        with session.begin_nested():
            row = session.execute(_RETRY, {"id": job_id, "now": now}).one_or_none()
    except IntegrityError:
        raise Conflict("The same task is already waiting, so this one is not needed.") from None
    return str(row.task_name) if row else None
