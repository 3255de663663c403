"""Realigns usage periods: from a given time, to a new boundary, or to another plan. The caller holds the lock."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.periods import Period
from app.subscriptions import periods, queries
from app.subscriptions.models import PlanInForce, Subscription, SupersededTerms, TermsInForce, UsagePeriod
from app.subscriptions.period_schedule import SKEW, SLACK
from app.subscriptions.terms.writer import write_terms

EVER = timedelta(days=3_660)


def open_period_at(session: Session, org_id: UUID, at: datetime, now: datetime) -> UsagePeriod:
    """Open all periods up to now on the current terms, before they change; returns the one that contains `at`."""
    periods.ensure_period(session, org_id, now, now)
    return periods.ensure_period(session, org_id, at, now)


def restart_periods(session: Session, org_id: UUID, period: UsagePeriod, at: datetime, now: datetime) -> None:
    """Cut the period at `at` and open all after it on the plan now in force; `at` may be long ago.

    Closed periods stay as they are: what should have begun within one begins at its end.
    """
    closed_end = queries.find_closed_end(session, org_id)
    if closed_end is not None and at < closed_end:
        at, period = closed_end, periods.ensure_period(session, org_id, closed_end, now)
    periods.drop_periods_ahead(session, org_id, period)
    periods.start_period(session, org_id, period, at, now)
    periods.open_missing(session, org_id, at, now + periods.AHEAD, now)
    write_terms(session, org_id, period.starts_at, now)


def move_to_plan(session: Session, org_id: UUID, at: datetime, now: datetime) -> None:
    """Move the period that contains `at`, and all after it, to the plan version now in force."""
    version_id = periods.get_opening(session, org_id).version_id
    _keep_superseded(session, org_id, at, version_id)
    for period in queries.list_periods(session, org_id, at, at + EVER):
        if period.closed_at is None:
            period.plan_version_id = version_id
    session.flush()
    session.execute(delete(PlanInForce).where(PlanInForce.org_id == org_id, PlanInForce.starts_at > at))
    periods.record_plan(session, org_id, at, version_id)
    write_terms(session, org_id, at, now)


def _keep_superseded(session: Session, org_id: UUID, at: datetime, version_id: UUID) -> None:
    """Keep the terms that charged for usage in the period that contains `at`, before they are resolved anew."""
    running = queries.find_period(session, org_id, at)
    if running is None or running.closed_at is not None or running.starts_at >= at:
        return
    if running.plan_version_id == version_id:
        return
    session.execute(
        insert(SupersededTerms)
        .from_select(
            ["org_id", "period_start", "changed_at", "meter_id", "plan_version_id", "allowance", "charge_id"],
            select(
                TermsInForce.org_id, TermsInForce.period_start, literal(at), TermsInForce.meter_id,
                literal(running.plan_version_id), TermsInForce.allowance, TermsInForce.charge_id,
            ).where(
                TermsInForce.org_id == org_id, TermsInForce.period_start == running.starts_at,
                TermsInForce.charge_id.is_not(None),
            ),
        )
        .on_conflict_do_nothing()
    )  # fmt: skip


def align_boundary(session: Session, org_id: UUID, at: datetime, now: datetime, *, far: bool) -> datetime | None:
    """Make `at` a period boundary by moving the nearest one there; with `far`, cut the period if none is near.

    Returns the time from which usage may have moved; None if `at` was a boundary already, or none can be near it yet.
    """
    last = session.scalar(select(func.max(UsagePeriod.ends_at)).where(UsagePeriod.org_id == org_id))
    if last is None or at > last + SLACK:
        return None  # not opened yet; realigned once it is
    ending = _ending_near(session, org_id, at)
    if ending is None and far:
        ending = queries.find_period(session, org_id, at)
    if ending is None or ending.closed_at is not None or at in {ending.starts_at, ending.ends_at}:
        return None  # where a closed period ends otherwise than at Stripe, the next begins at its end
    first = min(at, ending.ends_at)
    periods.drop_periods_ahead(session, org_id, ending)
    ending.ends_at = at
    session.flush()
    periods.open_missing(session, org_id, at, max(at, now + periods.AHEAD), now)
    write_terms(session, org_id, ending.starts_at, now)
    return first if first <= now + SKEW else None


def lengthen_trial(session: Session, subscription: Subscription, now: datetime) -> None:
    """Let the running period of a trial last until the trial's end, where that was moved to later."""
    running, end = queries.find_period(session, subscription.org_id, now), subscription.trial_ends_at
    if running is None or end is None or not now < running.ends_at < end:
        return
    if not subscription.tries(Period(running.starts_at, running.ends_at)):
        return
    periods.drop_periods_ahead(session, subscription.org_id, running)
    running.ends_at = end
    session.flush()
    periods.open_missing(session, subscription.org_id, end, max(end, now + periods.AHEAD), now)
    write_terms(session, subscription.org_id, running.starts_at, now)


def _ending_near(session: Session, org_id: UUID, at: datetime) -> UsagePeriod | None:
    """The period whose end is nearest to `at`, within the slack."""
    near = select(UsagePeriod).where(
        UsagePeriod.org_id == org_id,
        UsagePeriod.starts_at < at,
        UsagePeriod.ends_at.between(at - SLACK, at + SLACK),
    )
    return min(session.scalars(near), key=lambda period: abs(period.ends_at - at), default=None)
