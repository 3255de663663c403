"""Refused usage: single events with their reason, and quota refusals aggregated by hour."""

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

# Single refused events with their reason, and quota refusals by hour.
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


def list_refused(session: Session, org_id: UUID, since: datetime, many: int) -> Rows:
    """The newest refusals since then. Two bad events and an hour with 40 over a limit: three rows, counts 1, 1, 40."""
    return session.execute(_REFUSED, {"org_id": org_id, "since": since, "many": many}).all()
