"""Reads of rehearsals: the last of each org, with the one of the night before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.billing_runs.models import Rehearsal

_SHOWN = """
FROM rehearsals r
JOIN accounts_orgs org ON org.id = r.org_id AND org.deleted_at IS NULL
LEFT JOIN billing_runs_alarms alarm ON alarm.org_id = r.org_id AND alarm.night = r.night
WHERE r.period_end > :now AND (CAST(:ends_by AS timestamptz) IS NULL OR r.period_end <= :ends_by)
  AND (NOT :alarms OR alarm.org_id IS NOT NULL)
  AND NOT EXISTS (SELECT FROM rehearsals later WHERE later.org_id = r.org_id AND later.night > r.night)
"""
# What the night before came to is compared where it was of the same period and currency.
_LIST = """
SELECT r.org_id, org.name, r.rehearsed_at, r.period_start, r.period_end, r.currency, r.amount, r.late, r.estimate,
       r.error, alarm.org_id IS NOT NULL AS alarm,
       (SELECT before.amount + before.late FROM rehearsals before
        WHERE before.org_id = r.org_id AND before.night < r.night AND before.period_start = r.period_start
          AND before.currency = r.currency AND before.error IS NULL) AS amount_before
{shown}
ORDER BY r.period_end, org.name, r.org_id LIMIT :most
"""
_TOTALS = """
SELECT r.currency, sum(r.amount + r.late)::bigint AS amount, count(*) AS orgs
{shown} AND r.error IS NULL AND r.amount + r.late <> 0 GROUP BY r.currency ORDER BY r.currency
"""
_COUNTS = "SELECT count(*) AS orgs, count(alarm.org_id) AS alarms {shown}"


@dataclass(frozen=True, slots=True)
class RehearsalFilter:
    """Rehearsals of periods that run at `now`: those that end by an instant, and only alarms."""

    now: datetime
    ends_by: datetime | None = None
    alarms: bool = False


def list_rehearsals(session: Session, shown: RehearsalFilter, limit: int) -> Sequence[Row[Any]]:
    """List the last rehearsal of each org, by when the periods end.

    Worked example: an org that used 300 of 100 units at a cent, 290 a night before: amount 200, amount_before 190.
    """
    return session.execute(text(_LIST.format(shown=_SHOWN)), {**asdict(shown), "most": limit}).all()


def sum_rehearsals(session: Session, shown: RehearsalFilter) -> Sequence[Row[Any]]:
    """What the periods come to with late usage, a row a currency: (USD, 200, 1)."""
    return session.execute(text(_TOTALS.format(shown=_SHOWN)), asdict(shown)).all()


def count_rehearsals(session: Session, shown: RehearsalFilter) -> Row[Any]:
    """How many orgs that is, and of how many the rehearsal failed or differs from the running estimate."""
    return session.execute(text(_COUNTS.format(shown=_SHOWN)), asdict(shown)).one()


def find_rehearsal(session: Session, org_id: UUID, now: datetime) -> Rehearsal | None:
    """Find the last rehearsal of the period that runs, if it did not fail."""
    query = select(Rehearsal).where(
        Rehearsal.org_id == org_id, Rehearsal.period_start <= now, Rehearsal.period_end > now, Rehearsal.error.is_(None)
    )
    return session.scalars(query.order_by(Rehearsal.night.desc()).limit(1)).first()
