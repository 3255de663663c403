"""Reads of the queue: a page of tasks, their number by queue and state, the periodic ones, the heartbeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

TASK_STATES = ("failed", "doing", "todo")

# Successful tasks are deleted, so the table holds what is not done.
_TASKS = """
SELECT job.id, job.task_name AS task, job.args, job.status::text AS state, job.scheduled_at,
       events.queued_at, events.changed_at, failed.error, failed.failures
FROM queue_jobs job
LEFT JOIN queue_errors failed ON failed.job_id = job.id
CROSS JOIN LATERAL (SELECT min(event.at) AS queued_at, max(event.at) AS changed_at
                    FROM queue_events event WHERE event.job_id = job.id) events
WHERE {where} ORDER BY job.id DESC LIMIT :limit
"""
_CONDITIONS = {"state": "job.status::text = :state", "queue": "job.queue = :queue", "before": "job.id < :before"}
_COUNTS = text("SELECT queue, status::text AS state, count(*) AS tasks FROM queue_jobs GROUP BY queue, status")
_PERIODIC = text("""
SELECT periodic.name, periodic.queued_at, heartbeat.worker_at
FROM queue_heartbeat heartbeat LEFT JOIN queue_periodic periodic ON true ORDER BY periodic.name
""")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Filters by state and by queue, which is the room of the task; None matches all."""

    state: str | None = None
    queue: str | None = None


def list_tasks(session: Session, filters: TaskFilter, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """At most `limit` tasks queued before the one with this number, latest first."""
    given = {"state": filters.state, "queue": filters.queue, "before": before}
    values = {name: value for name, value in given.items() if value is not None}
    where = " AND ".join(_CONDITIONS[name] for name in values) or "true"
    return session.execute(text(_TASKS.format(where=where)), {**values, "limit": limit}).all()


def count_tasks(session: Session) -> dict[tuple[str, str], int]:
    """Number of tasks by queue and state. Worked example: one failed email: {("mail", "failed"): 1}."""
    return {(row.queue, row.state): row.tasks for row in session.execute(_COUNTS)}


def list_periodic(session: Session) -> Sequence[Row[Any]]:
    """When each periodic task was last queued, and in each row when a worker was last alive; at least one row."""
    return session.execute(_PERIODIC).all()
