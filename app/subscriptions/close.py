"""Closes usage periods for good, and finds those that are due. Rating and billing them is `billing_runs`'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.subscriptions import periods
from app.subscriptions.models import TermsInForce, UsagePeriod


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


def prepare_close(session: Session, key: PeriodKey, now: datetime) -> UsagePeriod | None:
    """Lock the org's usage and get the period with its terms resolved; None if it is closed, or gone, meanwhile.

    No usage of the org is recorded until the transaction ends.
    """
    periods.lock_usage(session, key.org_id)
    period = session.get(UsagePeriod, key, populate_existing=True, with_for_update=True)
    if period is None or period.closed_at is not None:
        return None
    periods.ensure_period(session, key.org_id, key.starts_at, now)
    return period


def close_period(session: Session, period: UsagePeriod, now: datetime) -> None:
    """Mark the period closed; its terms hold from now on without an end. The caller holds the usage lock."""
    session.execute(
        update(TermsInForce)
        .where(TermsInForce.org_id == period.org_id, TermsInForce.period_start == period.starts_at)
        .values(valid_until=None)
    )
    period.closed_at = now
    session.flush()
