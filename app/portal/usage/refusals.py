"""Refused usage, grouped by reason: how many events, the latest one, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.web.addresses import path_to
from app.web.problems import get_problem_type

_AT_LIMIT = "quota_exceeded"
_PAGES = {
    _AT_LIMIT: ("plans.index", "Compare plans"),
    "unknown_client": ("accounts.clients_page", "Open clients"),
    "client_deleted": ("accounts.clients_page", "Open clients"),
}
_LONGEST = 80


@dataclass(frozen=True)
class RefusedRow:
    """Events refused for one reason. `detail` and `example`, an event's id, are the latest one's, and may be empty.

    `by_hour`: `last` is the hour of the latest one. `advice` with its link says how to mend it.
    """

    reason: str
    detail: str
    count: int
    last: datetime
    by_hour: bool
    example: str
    advice: str
    href: str
    label: str


def build_refused_rows(rows: Iterable[Row[Any]]) -> list[RefusedRow]:
    """One row per reason, from `list_refusal_reasons`."""
    return [_build_row(row) for row in rows]


def _build_row(row: Row[Any]) -> RefusedRow:
    problem = get_problem_type(row.code)
    at_limit = row.code == _AT_LIMIT
    href, label = _link(row.code)
    return RefusedRow(
        reason=f"{problem.title}: {row.meter}" if row.meter else problem.title,
        detail=row.detail,
        count=row.events,
        last=row.at,
        by_hour=row.by_hour,
        example=_shorten(row.event_id or ""),
        advice="Wait until it resets, or choose a larger plan." if at_limit else problem.advice.replace("`", ""),
        href=href,
        label=label,
    )


def _link(code: str) -> tuple[str, str]:
    """The page where it can be mended, or the one that explains the code."""
    if code in _PAGES:
        endpoint, label = _PAGES[code]
        return path_to(endpoint), label
    return path_to("docs.problem", code=code), "About this error"


def _shorten(event_id: str) -> str:
    return event_id if len(event_id) <= _LONGEST else f"{event_id[:_LONGEST]}…"
