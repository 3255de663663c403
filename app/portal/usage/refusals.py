"""Refused usage: single events with their reason, and quota refusals aggregated by hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.web.problems import get_problem_type


@dataclass(frozen=True)
class RefusedRow:
    """Events that were refused, and why."""

    at: datetime
    meter: str
    reason: str
    count: int


def build_refused_rows(rows: Iterable[Row[Any]]) -> list[RefusedRow]:
    """One row per refusal: the code's title, plus the detail if there is one."""
    return [
        RefusedRow(at=row.at, meter=(row.meter or "–")[:60], reason=_reason(row.code, row.detail), count=row.events)
        for row in rows
    ]


def _reason(code: str, detail: str) -> str:
    title = get_problem_type(code).title
    return f"{title}. {detail}" if detail else f"{title}."
