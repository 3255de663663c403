"""Usage periods cut anew: from an instant on, at another boundary, or on another plan. The caller holds the lock."""

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
    """The period that holds `at`, with all up to now opened by the terms so far: asked for before these change."""
    periods.ensure_period(session, org_id, now, now)
    return periods.ensure_period(session, org_id, at, now)


def restart_periods(session: Session, org_id: UUID, held: UsagePeriod, at: datetime, now: datetime) -> None:
    """Cut the period that holds `at` there, and open all after it by the terms in force now; `at` may be long ago."""
    periods.drop_periods_ahead(session, org_id, held)
    periods.start_period(session, org_id, held, at, now)
    periods.extend_periods(session, org_id, at, now + periods.AHEAD, now)


def reapply_terms(session: Session, org_id: UUID, at: datetime) -> None:
    """Put the period that holds `at`, and all after it, on the plan version and the limits in force now."""
    terms = periods.get_period_terms(session, org_id)
    taken = queries.list_periods(session, org_id, at, at + EVER)
    for each in taken:
        each.plan_version_id = terms.version_id
    session.flush()
    limits.replace_limits(session, org_id, [each.starts_at for each in taken], terms.basis)
    session.execute(delete(SubscriptionTerm).where(SubscriptionTerm.org_id == org_id, SubscriptionTerm.starts_at > at))
    periods.record_terms(session, org_id, at, terms.version_id)


def align_boundary(session: Session, org_id: UUID, at: datetime, now: datetime, *, far: bool) -> datetime | None:
    """Make `at` a boundary: the nearest one moves there; with `far`, where none is near, the period is cut.

    Returns from when on events are to be recounted; None when the boundary stood, or no event can lie near it yet.
    """
    last = session.scalar(select(func.max(UsagePeriod.ends_at)).where(UsagePeriod.org_id == org_id))
    if last is None or at > last + SLACK:
        return None  # opened later, and looked at again then
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
    """The period whose end lies nearest to `at`, within the slack."""
    near = select(UsagePeriod).where(
        UsagePeriod.org_id == org_id,
        UsagePeriod.starts_at < at,
        UsagePeriod.ends_at.between(at - SLACK, at + SLACK),
    )
    return min(session.scalars(near), key=lambda each: abs(each.ends_at - at), default=None)
