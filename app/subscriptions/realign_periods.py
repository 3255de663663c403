"""Realigns usage periods: from a given time, to a new boundary, or to another plan. The caller holds the lock."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.subscriptions import limits, periods, queries
from app.subscriptions.models import SubscriptionTerm, UsagePeriod
from app.subscriptions.period_schedule import SKEW, SLACK

EVER = timedelta(days=3_660)


def open_period_at(session: Session, org_id: UUID, at: datetime, now: datetime) -> UsagePeriod:
    """Open all periods up to now on the current terms, before they change; returns the one that contains `at`."""
    periods.ensure_period(session, org_id, now, now)
    return periods.ensure_period(session, org_id, at, now)


def restart_periods(session: Session, org_id: UUID, period: UsagePeriod, at: datetime, now: datetime) -> None:
    """Cut the period at `at` and open all after it on the terms now in force; `at` may be long ago."""
    periods.drop_periods_ahead(session, org_id, period)
    periods.start_period(session, org_id, period, at, now)
    periods.extend_periods(session, org_id, at, now + periods.AHEAD, now)


def reapply_terms(session: Session, org_id: UUID, at: datetime) -> None:
    """Move the period that contains `at`, and all after it, to the plan version and limits now in force."""
    terms = periods.get_period_terms(session, org_id)
    periods_after = queries.list_periods(session, org_id, at, at + EVER)
    for period in periods_after:
        period.plan_version_id = terms.version_id
    session.flush()
    limits.replace_limits(session, org_id, [period.starts_at for period in periods_after], terms.basis)
    session.execute(delete(SubscriptionTerm).where(SubscriptionTerm.org_id == org_id, SubscriptionTerm.starts_at > at))
    periods.record_terms(session, org_id, at, terms.version_id)


def align_boundary(session: Session, org_id: UUID, at: datetime, now: datetime, *, far: bool) -> datetime | None:
    """Make `at` a period boundary by moving the nearest one there; with `far`, cut the period if none is near.

    Returns the time from which to recount events; None if `at` was a boundary already, or no event can be near it yet.
    """
    last = session.scalar(select(func.max(UsagePeriod.ends_at)).where(UsagePeriod.org_id == org_id))
    if last is None or at > last + SLACK:
        return None  # not opened yet; realigned once it is
    ending = _ending_near(session, org_id, at)
    if ending is None and far:
        ending = queries.find_period(session, org_id, at)
    if ending is None or at in {ending.starts_at, ending.ends_at}:
        return None
    first = min(at, ending.ends_at)
    periods.drop_periods_ahead(session, org_id, ending)
    ending.ends_at = at
    session.flush()
    periods.extend_periods(session, org_id, at, max(at, now + periods.AHEAD), now)
    return first if first <= now + SKEW else None


def _ending_near(session: Session, org_id: UUID, at: datetime) -> UsagePeriod | None:
    """The period whose end is nearest to `at`, within the slack."""
    near = select(UsagePeriod).where(
        UsagePeriod.org_id == org_id,
        UsagePeriod.starts_at < at,
        UsagePeriod.ends_at.between(at - SLACK, at + SLACK),
    )
    return min(session.scalars(near), key=lambda period: abs(period.ends_at - at), default=None)
