"""Reads of billing runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Integer, Row, Select, Text, TextualSelect, Uuid, select, text
from sqlalchemy.orm import Session

from app.billing_runs.models import PeriodClose
from app.kit.postgres.together import ask, fill
from app.subscriptions.close import PeriodKey

# Closes since a time and all that are not finished, or only those that fail; of one org or of all.
_SHOWN = """
    (close.rated_at >= :since OR close.billed_at IS NULL) AND (NOT :failed OR close.error IS NOT NULL)
    AND (CAST(:org_id AS uuid) IS NULL OR close.org_id = :org_id)
"""
# With the org, what its usage came to, and the invoice that it stands on.
_REPORT = """
SELECT org.name, close.org_id, close.period_start, close.period_end, close.rated_at, close.billed_at, close.failures,
       close.error, line.currency, line.amount, line.kind, line.stripe_invoice_id,
       line.number
FROM period_closes close
JOIN accounts_orgs org ON org.id = close.org_id
LEFT JOIN LATERAL (SELECT * FROM invoices_usage(close.org_id, close.period_start)) line ON true
WHERE {shown}
ORDER BY close.period_end DESC, org.name, close.org_id LIMIT :most
"""
_TOTALS = """
SELECT line.currency, sum(line.amount)::bigint AS amount, count(*) AS periods
FROM period_closes close
CROSS JOIN LATERAL (SELECT * FROM invoices_usage(close.org_id, close.period_start)) line
WHERE {shown} AND line.amount <> 0
GROUP BY line.currency ORDER BY line.currency
"""
_COUNTS = """
SELECT count(*) AS periods, count(DISTINCT close.org_id) AS orgs,
       count(*) FILTER (WHERE close.billed_at IS NULL) AS unfinished,
       count(*) FILTER (WHERE close.error IS NOT NULL) AS failing
FROM period_closes close WHERE {shown}
"""


def list_unbilled(session: Session, limit: int, org_id: UUID | None = None) -> list[PeriodKey]:
    """List rated periods that are not billed: those not tried before first, and those tried longest ago."""
    query = (
        select(PeriodClose.org_id, PeriodClose.period_start)
        .where(PeriodClose.billed_at.is_(None), PeriodClose.rated_at.is_not(None))
        .order_by(PeriodClose.failed_at.nulls_first(), PeriodClose.period_end, PeriodClose.org_id)
        .limit(limit)
    )
    if org_id is not None:
        query = query.where(PeriodClose.org_id == org_id)
    return [PeriodKey(*row) for row in session.execute(query)]


def select_org_closes(org_id: UUID, before: datetime | None, limit: int) -> Select[datetime, datetime, datetime | None]:
    """Select the closed periods of an org that start before an instant, newest first, and when each was billed."""
    query = select(PeriodClose.period_start, PeriodClose.period_end, PeriodClose.billed_at).where(
        PeriodClose.org_id == org_id, PeriodClose.rated_at.is_not(None)
    )
    if before is not None:
        query = query.where(PeriodClose.period_start < before)
    return query.order_by(PeriodClose.period_start.desc()).limit(limit)


def list_marks(session: Session, org_id: UUID, limit: int) -> Sequence[Row[Any]]:
    """List the newest closes of an org with what tells late events of them: the mark, its cluster, and when."""
    query = select(
        PeriodClose.period_start, PeriodClose.period_end, PeriodClose.mark, PeriodClose.cluster, PeriodClose.rated_at
    ).where(PeriodClose.org_id == org_id, PeriodClose.rated_at.is_not(None))
    rows: Sequence[Row[Any]] = session.execute(query.order_by(PeriodClose.period_start.desc()).limit(limit)).all()  # type: ignore[assignment]  # rows of five
    return rows


@dataclass(frozen=True, slots=True)
class CloseFilter:
    """Closes since a time and all that are not finished; `failed`: only those whose last attempt failed."""

    since: datetime
    failed: bool = False
    org_id: UUID | None = None


def list_closes(session: Session, shown: CloseFilter, limit: int) -> Sequence[Row[Any]]:
    """List closes, latest first.

    Worked example: an org on Pro with 60,000 calls: one row, amount 10000, USD, on the renewal invoice in_1.
    """
    return ask(session, select_closes(shown, limit))


def select_closes(shown: CloseFilter, limit: int) -> TextualSelect:
    """Select what `list_closes` lists."""
    at, words = DateTime(timezone=True), Text
    return fill(text(_REPORT.format(shown=_SHOWN)), **asdict(shown), most=limit).columns(
        name=words, org_id=Uuid, period_start=at, period_end=at, rated_at=at, billed_at=at, failures=Integer,
        error=words, currency=words, amount=BigInteger, kind=words, stripe_invoice_id=words, number=words,
    )  # fmt: skip


def sum_closes(session: Session, shown: CloseFilter) -> Sequence[Row[Any]]:
    """What the usage of closes came to, a row a currency; never added across currencies.

    Worked example: two orgs with 100.00 USD each and one with 7400 JPY: (JPY, 7400, 1), (USD, 20000, 2).
    """
    return session.execute(text(_TOTALS.format(shown=_SHOWN)), asdict(shown)).all()


def count_closes(session: Session, shown: CloseFilter) -> Row[Any]:
    """How many periods and orgs that is, how many of the periods are not finished, and how many fail."""
    return session.execute(text(_COUNTS.format(shown=_SHOWN)), asdict(shown)).one()
