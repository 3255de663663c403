"""Refused events as the usage page lists them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from app.portal.views_models import RefusedRow
from app.web.problems import problem_of


def refused_rows(rows: Iterable[Row[Any]]) -> list[RefusedRow]:
    """One line a refusal: the code's title, and the detail where there is one."""
    return [
        RefusedRow(at=row.at, meter=(row.meter or "–")[:60], reason=_reason(row.code, row.detail), count=row.events)
        for row in rows
    ]


def _reason(code: str, detail: str) -> str:
    title = problem_of(code).title
    return f"{title}. {detail}" if detail else f"{title}."
