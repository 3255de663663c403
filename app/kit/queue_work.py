"""What the queue still has to do, and taking tasks from it where no worker runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

# As procrastinate chooses: a task waits behind an earlier one with its lock, also behind one that is put off.
_READY = """
    (job.scheduled_at IS NULL OR job.scheduled_at <= clock_timestamp())
    AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs earlier
        WHERE earlier.lock = job.lock AND earlier.id < job.id AND earlier.status = 'todo'
          AND earlier.scheduled_at > clock_timestamp())
"""
_UNDONE = text(f"""
    SELECT job.id, job.task_name AS task, job.args, job.status FROM procrastinate_jobs job
    WHERE job.status = 'doing' OR (job.status = 'todo' AND {_READY}) OR (job.id = :also AND job.status <> 'succeeded')
    ORDER BY job.id
""")  # noqa: S608  # nosec B608  # fixed words
_NEWEST = text("SELECT last_value FROM pg_sequences WHERE sequencename = 'procrastinate_jobs_id_seq'")
_WORKED = text("SELECT worker_at > clock_timestamp() - CAST(:seconds AS float) * interval '1 s' FROM queue_heartbeat")
_TAKE = text(
    "SELECT id, task_name AS task, args, status FROM procrastinate_fetch_job_v2(NULL, NULL) WHERE id IS NOT NULL"
)
_DONE = text("SELECT procrastinate_finish_job_v1(:id, 'succeeded', false)")
_PUT_OFF = text("""
    UPDATE procrastinate_jobs
    SET status = 'todo', attempts = attempts + 1, scheduled_at = clock_timestamp() + interval '1 minute'
    WHERE id = :id
""")


@dataclass(frozen=True)
class Job:
    """A task in the queue."""

    id: int
    task: str
    args: dict[str, Any]
    status: str

    def __str__(self) -> str:
        state = {"doing": "is running", "todo": "waits"}.get(self.status, self.status)
        return f"{self.task} (job {self.id}) {state}"


def list_undone(session: Session, also: int = 0) -> list[Job]:
    """List what runs or may run at once, and the job `also` unless it succeeded. What is put off is not listed."""
    return [Job(**row._mapping) for row in session.execute(_UNDONE, {"also": also})]


def newest(session: Session) -> int:
    """The number of the job that was queued last, done or not."""
    return session.scalar(_NEWEST) or 0


def has_worker(session: Session, silent_seconds: float) -> bool:
    """Whether a worker was heard of in the last `silent_seconds`."""
    return bool(session.scalar(_WORKED, {"seconds": silent_seconds}))


def take(session: Session) -> Job | None:
    """Take the next ready job; nobody else gets it."""
    row = session.execute(_TAKE).one_or_none()
    return Job(**row._mapping) if row else None


def finish(session: Session, job: Job) -> None:
    """The job is done. Its row stays: only the worker's role may delete it."""
    session.execute(_DONE, {"id": job.id})


def put_off(session: Session, job: Job) -> None:
    """The job failed; it is tried again in a minute."""
    session.execute(_PUT_OFF, {"id": job.id})
