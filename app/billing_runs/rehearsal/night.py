"""Rehearses the running period of each org, once a night: one transaction an org, and one's failure stops no other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.billing_runs.models import Rehearsal
from app.billing_runs.rehearsal.close import RehearsedClose, rehearse_close
from app.invoices.service import LineFacts
from app.kit.errors import DomainError
from app.kit.money import plain
from app.subscriptions import queries
from app.subscriptions.close import PeriodKey
from app.web.database import discard_failed_transaction, transaction

HOUR = timedelta(hours=2)
"""When the night's rehearsals begin, after midnight UTC."""
KEPT = 2
MOST = 500
_DAY = timedelta(days=1)

log = structlog.get_logger()

_DUE = text("""
SELECT period.org_id FROM subscriptions_periods period
JOIN accounts_orgs org ON org.id = period.org_id AND org.deleted_at IS NULL
LEFT JOIN rehearsals done ON done.org_id = period.org_id AND done.night = :night
WHERE period.closed_at IS NULL AND period.starts_at <= :now AND period.ends_at > :now AND done.org_id IS NULL
ORDER BY period.org_id LIMIT :most
""")


@dataclass(slots=True)
class NightReport:
    """How many periods were rehearsed, and of which orgs it failed or differs from the running estimate."""

    rehearsed: int = 0
    failed: int = 0
    alarms: int = 0


def find_night(now: datetime) -> datetime:
    """Find when the night's rehearsals that hold at an instant began: 02:00 UTC of this day or of the one before."""
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) + HOUR
    return start if start <= now else start - _DAY


def list_due(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    """List orgs whose running period was not rehearsed since the last night began."""
    return session.scalars(_DUE, {"now": now, "night": find_night(now), "most": limit}).all()


def rehearse_night(now: datetime, seconds: float, org_id: UUID | None = None) -> NightReport:
    """Rehearse what is due until nothing is or the time is over, or an org's period whether it is due or not.

    Safe to repeat. Opens its own transactions.
    """
    report, until = NightReport(), time.monotonic() + seconds
    if org_id is not None:
        rehearse_org(org_id, now, report)
        return report
    while time.monotonic() < until:
        with transaction() as session:
            due = list_due(session, now, MOST)
        for each in due:
            rehearse_org(each, now, report)
            if time.monotonic() >= until:
                break
        if len(due) < MOST:
            break
    return report


def rehearse_org(org_id: UUID, now: datetime, report: NightReport) -> None:
    """Rehearse an org's running period and keep what it came to, or why it could not be done."""
    try:
        with transaction() as session:
            period = queries.find_period(session, org_id, now)
            if period is None or period.closed_at is not None:
                return
            rehearsed = rehearse_close(session, PeriodKey(org_id, period.starts_at), now)
            _keep(session, org_id, now, _describe(rehearsed))
    except (DomainError, SQLAlchemyError) as error:
        _note_failure(org_id, now, error)
        report.failed += 1
        return
    report.rehearsed += 1
    if rehearsed.amount != rehearsed.estimate:
        report.alarms += 1
        log.warning(
            "a rehearsed close differs from the running estimate", org_id=str(org_id), amount=rehearsed.amount,
            estimate=rehearsed.estimate, currency=rehearsed.currency, period=rehearsed.period.start.isoformat(),
        )  # fmt: skip


def _note_failure(org_id: UUID, now: datetime, error: Exception) -> None:
    discard_failed_transaction()
    reason = error.detail if isinstance(error, DomainError) else type(error).__name__
    log.warning("rehearsing a close failed; will retry in the next night", org_id=str(org_id), error=reason)
    with transaction() as session:
        period = queries.find_period(session, org_id, now)
        if period is not None:
            nothing: dict[str, Any] = {"currency": period.currency, "amount": 0, "late": 0, "estimate": 0, "lines": []}
            span = {"period_start": period.starts_at, "period_end": period.ends_at}
            _keep(session, org_id, now, {**nothing, **span, "error": reason})


def _describe(rehearsed: RehearsedClose) -> dict[str, Any]:
    return {
        "period_start": rehearsed.period.start,
        "period_end": rehearsed.period.end,
        "currency": rehearsed.currency,
        "amount": rehearsed.amount,
        "late": rehearsed.late,
        "estimate": rehearsed.amount if rehearsed.estimate is None else rehearsed.estimate,
        "lines": [_describe_line(line) for line in rehearsed.lines],
        "error": None,
    }


def _describe_line(line: LineFacts) -> dict[str, Any]:
    return {
        "meter_id": line.meter_id,
        "kind": line.kind,
        "period_start": line.period.start.isoformat(),
        "period_end": line.period.end.isoformat(),
        "quantity": plain(line.quantity),
        "amount": line.amount,
    }


def _keep(session: Session, org_id: UUID, now: datetime, facts: dict[str, Any]) -> None:
    """Keep a rehearsal in place of the night's earlier one, and no more than two nights of an org."""
    key = {"org_id": org_id, "night": find_night(now)}
    facts = {**facts, "rehearsed_at": now}
    statement = insert(Rehearsal).values(**key, **facts)
    session.execute(statement.on_conflict_do_update(index_elements=["org_id", "night"], set_=facts))
    own = Rehearsal.org_id == org_id
    kept = select(Rehearsal.night).where(own).order_by(Rehearsal.night.desc()).limit(KEPT)
    session.execute(delete(Rehearsal).where(own, Rehearsal.night.not_in(kept)))
