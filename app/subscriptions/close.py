"""Closes usage periods for good, and finds those that are due. Rating and billing them is `billing_runs`'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.kit.periods import Period
from app.kit.postgres.arrays import encode_ids, encode_keys
from app.subscriptions import periods
from app.subscriptions.models import UsagePeriod
from app.subscriptions.terms.in_force import list_unresolved

_LOCK = text("""
SELECT number FROM unnest(CAST(:orgs AS uuid[])) WITH ORDINALITY key (org, number)
WHERE pg_try_advisory_xact_lock(usage_lock(org))
""")
_OPEN = text("""
SELECT key.number, p.ends_at FROM usage_periods p
JOIN unnest(CAST(:orgs AS uuid[]), CAST(:starts AS timestamptz[])) WITH ORDINALITY key (org_id, starts_at, number)
  USING (org_id, starts_at)
WHERE p.closed_at IS NULL ORDER BY p.org_id, p.starts_at FOR UPDATE OF p
""")
_CLOSE = text("""
WITH key AS (SELECT * FROM unnest(CAST(:orgs AS uuid[]), CAST(:starts AS timestamptz[])) key (org_id, starts_at)),
lasting AS (
    UPDATE terms_in_force t SET valid_until = NULL FROM key
    WHERE t.org_id = key.org_id AND t.period_start = key.starts_at AND t.valid_until IS NOT NULL
)
UPDATE usage_periods p SET closed_at = :now FROM key WHERE p.org_id = key.org_id AND p.starts_at = key.starts_at
""")


class PeriodKey(NamedTuple):
    """A usage period of an org."""

    org_id: UUID
    starts_at: datetime


def list_due(
    session: Session, now: datetime, grace: timedelta, limit: int, org_id: UUID | None = None
) -> Sequence[PeriodKey]:
    """List the open periods that ended, and were opened, at least `grace` ago, earliest first.

    An import opens periods that ended long ago: its events come after.
    """
    query = (
        select(UsagePeriod.org_id, UsagePeriod.starts_at)
        .where(
            UsagePeriod.closed_at.is_(None), UsagePeriod.ends_at <= now - grace, UsagePeriod.opened_at <= now - grace
        )
        .order_by(UsagePeriod.ends_at, UsagePeriod.org_id)
        .limit(limit)
    )
    if org_id is not None:
        query = query.where(UsagePeriod.org_id == org_id)
    return [PeriodKey(*row) for row in session.execute(query)]


def find_next_close(session: Session, after: datetime, until: datetime, grace: timedelta) -> datetime | None:
    """Find the earliest instant in (after, until] at which an open period is due to be closed."""
    query = select(func.min(UsagePeriod.ends_at)).where(
        UsagePeriod.closed_at.is_(None), UsagePeriod.ends_at > after - grace, UsagePeriod.ends_at <= until - grace
    )
    end = session.scalar(query)
    return None if end is None else end + grace


def prepare_closes(
    session: Session, keys: Sequence[PeriodKey], now: datetime, *, wait: bool
) -> dict[PeriodKey, Period]:
    """Lock the usage of orgs and get those of their periods that are open still, with their terms resolved.

    One period an org. No usage of these orgs is recorded until the transaction ends. Without `wait`, an org whose usage
    is locked elsewhere is left out: whoever holds many locks waits for none.
    """
    if wait:
        for key in keys:
            periods.lock_usage(session, key.org_id)
    else:
        free = session.scalars(_LOCK, {"orgs": encode_ids(key.org_id for key in keys)})
        keys = [keys[number - 1] for number in free]
    for org_id, starts_at in list_unresolved(session, keys, now):
        periods.ensure_period(session, org_id, starts_at, now)
    rows = session.execute(_OPEN, encode_keys(keys))
    return {(key := keys[number - 1]): Period(key.starts_at, ends_at) for number, ends_at in rows}


def close_periods(session: Session, keys: Sequence[PeriodKey], now: datetime) -> None:
    """Mark periods closed; their terms hold from now on without an end. The caller holds the usage locks."""
    session.execute(_CLOSE, {**encode_keys(keys), "now": now})
