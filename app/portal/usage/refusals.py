"""What was not counted: single events with their reason, refusals at a limit by the hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.statements.queries import Rows
from app.web.problems import get_problem_type

# What was not counted: single events with their reason, and refusals at a limit by the hour.
_REFUSED = text("""
(SELECT at, event ->> 'meter' AS meter, code, detail, 1 AS events FROM refused_events
 WHERE org_id = :org_id AND at >= :since ORDER BY id DESC LIMIT :many)
UNION ALL
(SELECT hour, meter.name, 'quota_exceeded', '', refused.count::integer FROM refused_quota refused
 JOIN meters meter ON meter.id = refused.meter_id
 WHERE refused.org_id = :org_id AND refused.hour >= :since ORDER BY hour DESC LIMIT :many)
ORDER BY at DESC LIMIT :many
""")


@dataclass(frozen=True)
class RefusedRow:
    """Events that were not counted, and why."""

    at: datetime
    meter: str
    reason: str
    count: int


def refused_rows(rows: Iterable[Row[Any]]) -> list[RefusedRow]:
    """One line a refusal: the code's title, and the detail where there is one."""
    return [
        RefusedRow(at=row.at, meter=(row.meter or "–")[:60], reason=_reason(row.code, row.detail), count=row.events)
        for row in rows
    ]


def _reason(code: str, detail: str) -> str:
    title = get_problem_type(code).title
    return f"{title}. {detail}" if detail else f"{title}."


def refused(session: Session, org_id: UUID, since: datetime, many: int) -> Rows:
    """The newest refusals since then. Two bad events and an hour with 40 over a limit: three rows, counts 1, 1, 40."""
    return session.execute(_REFUSED, {"org_id": org_id, "since": since, "many": many}).all()
