"""Staff pages of the queue: list background tasks, retry a failed one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response, request, url_for

from app.admin.actors import actor_for
from app.admin.outbox.pages import pages
from app.admin.queue.queries import TASK_STATES, TaskFilter, count_tasks, list_periodic, list_tasks
from app.audit.service import write as audit
from app.kit.errors import Conflict, NotFound
from app.kit.ids import parse_number
from app.kit.queue_failures import retry_job
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now, wall_now

__all__ = ["pages"]  # `orgs.list_pages` imports the blueprint from here, once these routes are registered

_MANY = 50
_WORDS = {"failed": "Failed", "doing": "Running", "todo": "Waiting"}


@pages.get("/admin/tasks")
def tasks() -> Response:
    """Background tasks that are not done, by state and queue, latest first; when periodic ones were last queued."""
    counts = count_tasks(session())
    filters, before = _parse_filters(), _parse_before()
    rows = list_tasks(session(), filters, before, _MANY + 1)
    following = rows[_MANY - 1].id if len(rows) > _MANY else None
    periodic, wall = list_periodic(session()), wall_now()
    return render(
        "admin/tasks.html",
        rows=rows[:_MANY],
        filters=filters,
        states=_list_states(filters, counts),
        queues=sorted({queue for queue, _ in counts} | ({filters.queue} if filters.queue else set())),
        words=_WORDS,
        args=lambda row: json.dumps(row.args, ensure_ascii=False, sort_keys=True) if row.args else "",
        is_put_off=lambda row: row.state == "todo" and row.scheduled_at is not None and row.scheduled_at > wall,
        periodic=[row for row in periodic if row.name],
        worker_at=periodic[0].worker_at,
        wall=wall,
        next_href=url_for("admin.tasks", **_query(filters), before=following) if following else None,
        first_href=url_for("admin.tasks", **_query(filters)) if before else None,
        here={**_query(filters), "before": before},
    )


@pages.post("/admin/tasks/<job_id>/retry")
def retry_task(job_id: str) -> Response:
    """Queue a failed task again; any other stays as it is. Audited."""
    task, number = None, parse_number(job_id)
    if number is None:
        raise NotFound("There is no such task.")
    try:
        with transaction() as open_session:
            task = retry_job(open_session, number, now=wall_now())
            if task is not None:
                audit(open_session, actor_for(None), "task.retried", on=("task", number), before={"state": "failed"},
                      after={"state": "waiting", "task": task}, now=business_now())  # fmt: skip
    except Conflict as refused:
        flash_message("info", refused.detail)
    else:
        words = "The task is queued again. It leaves this list once it has succeeded."
        flash_message(
            *(("success", words) if task else ("info", "This task is no longer failed. Nothing was changed."))
        )
    return redirect_to("admin.tasks", **_query(_parse_filters()), before=_parse_before())


def _list_states(filters: TaskFilter, counts: Mapping[tuple[str, str], int]) -> list[tuple[str, str, bool]]:
    """The tabs: the number of each state is that of the chosen queue."""
    tabs = [("All", url_for("admin.tasks", queue=filters.queue), filters.state is None)]
    for state in TASK_STATES:
        number = sum(n for (queue, each), n in counts.items() if each == state and filters.queue in {None, queue})
        href = url_for("admin.tasks", state=state, queue=filters.queue)
        tabs.append((f"{_WORDS[state]} {number:,}", href, filters.state == state))
    return tabs


def _parse_filters() -> TaskFilter:
    """Parse the query string; an unknown state is ignored."""
    state, queue = request.args.get("state"), request.args.get("queue", "").replace("\x00", "").strip()[:128]
    return TaskFilter(state if state in TASK_STATES else None, queue or None)


def _parse_before() -> int | None:
    return parse_number(request.args.get("before", ""))


def _query(filters: TaskFilter) -> dict[str, Any]:
    return {"state": filters.state, "queue": filters.queue}
