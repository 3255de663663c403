"""Opens usage periods. Changing an org's periods or limits requires its usage lock; see `usage_lock.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.periods import Period, month_of
from app.subscriptions import limits, queries
from app.subscriptions.limits import LimitBasis
from app.subscriptions.models import SubscriptionTerm, UsagePeriod
from app.subscriptions.period_schedule import PeriodSchedule, backward

AHEAD = timedelta(days=62)
"""How far ahead periods are opened: at least two whole months, whatever their length."""

_TERM = text("""
    INSERT INTO subscription_terms (org_id, starts_at, plan_version_id)
    SELECT :org, :at, :version
    WHERE CAST(:version AS uuid) IS DISTINCT FROM (
        SELECT plan_version_id FROM subscription_terms
        WHERE org_id = :org AND starts_at <= :at ORDER BY starts_at DESC LIMIT 1)
    ON CONFLICT (org_id, starts_at) DO UPDATE SET plan_version_id = excluded.plan_version_id
""")


@dataclass(frozen=True, slots=True)
class PeriodTerms:
    """How an org's new periods are opened: their schedule, plan version and limits."""

    zone: str
    schedule: PeriodSchedule
    version_id: UUID
    basis: LimitBasis


def ensure_period(session: Session, org_id: UUID, at: datetime, now: datetime) -> UsagePeriod:
    """Open the usage period that contains `at`, with its limits, and all between it and the existing ones.

    Idempotent, also under concurrency. An org's first period is the one that contains `now`; calendar months on the
    default plan precede it. Raises `NotFound` (org), `Unavailable` (no catalogue).
    """
    existing = queries.find_period(session, org_id, at)
    if existing is not None:
        return existing
    lock_usage(session, org_id)
    extend_periods(session, org_id, at, at, now)
    opened = queries.find_period(session, org_id, at)
    if opened is None:
        raise RuntimeError(f"no usage period of org {org_id} contains {at}")
    return opened


def open_periods_ahead(session: Session, org_id: UUID, now: datetime) -> None:
    """Ensure that the current period and the next two are open."""
    lock_usage(session, org_id)
    extend_periods(session, org_id, now, now + AHEAD, now)


def rebuild_periods_ahead(session: Session, org_id: UUID, now: datetime) -> None:
    """Rebuild the periods ahead after the org's time zone or the default plan's version has changed.

    The current period keeps its terms. Its end moves to the new zone's boundary, unless the old or new end is so close
    that events may already have been counted beyond it.
    """
    lock_usage(session, org_id)
    extend_periods(session, org_id, now, now, now)
    running = queries.find_period(session, org_id, now)
    if running is None:
        raise RuntimeError(f"no usage period of org {org_id} contains {now}")
    drop_periods_ahead(session, org_id, running)
    terms = get_period_terms(session, org_id)
    if terms.schedule.anchor is None:  # Stripe's boundaries do not depend on the zone
        end = terms.schedule.nearest(running.ends_at)
        if min(end, running.ends_at) > now + timedelta(hours=1):
            running.ends_at = end
    running.time_zone = terms.zone
    session.flush()
    extend_periods(session, org_id, now, now + AHEAD, now)


def lock_usage(session: Session, org_id: UUID) -> None:
    """Wait for usage writes in flight and block new ones until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.usage_lock(org_id))))


def extend_periods(session: Session, org_id: UUID, start: datetime, end: datetime, now: datetime) -> None:
    """Open missing periods so that `start` and `end` are covered. The caller holds the lock."""
    terms = get_period_terms(session, org_id)
    covered = _find_covered(session, org_id)
    if covered is None:
        covered = month_of(now, terms.zone)
        _open(session, org_id, [covered], terms, now, after=None)
    _open(session, org_id, list(terms.schedule.forward(covered.end, end)), terms, now, after=covered.end)
    before = list(backward(covered.start, start, terms.zone))[::-1]
    if before:
        _open_before(session, org_id, before, terms.zone, now)


def get_period_terms(session: Session, org_id: UUID) -> PeriodTerms:
    """Get the terms for opening the org's periods now."""
    zone = accounts.get_org(session, org_id).time_zone
    subscription = queries.find_subscription(session, org_id)
    if subscription is None:
        return PeriodTerms(zone, PeriodSchedule(zone), queries.get_default_version_id(session), LimitBasis(owes=False))
    restricted_to = queries.get_default_version_id(session) if subscription.limited_at else None
    schedule = (
        PeriodSchedule("UTC", subscription.anchor_at) if subscription.collection == "stripe" else PeriodSchedule(zone)
    )
    return PeriodTerms(
        zone, schedule, subscription.plan_version_id, LimitBasis(subscription.collection != "none", restricted_to)
    )


def drop_periods_ahead(session: Session, org_id: UUID, running: UsagePeriod) -> None:
    """Delete the periods after the running one; the caller recreates them in the same transaction."""
    after = running.starts_at
    session.execute(delete(UsagePeriod).where(UsagePeriod.org_id == org_id, UsagePeriod.starts_at > after))
    session.execute(
        delete(SubscriptionTerm).where(SubscriptionTerm.org_id == org_id, SubscriptionTerm.starts_at >= running.ends_at)
    )


def start_period(session: Session, org_id: UUID, containing: UsagePeriod, at: datetime, now: datetime) -> None:
    """End the period that contains `at` there and start another on the current terms. Those ahead must be dropped."""
    terms = get_period_terms(session, org_id)
    if containing.starts_at < at:
        containing.ends_at = at
        session.flush()
        _open(session, org_id, [Period(at, terms.schedule.first_end(at))], terms, now, after=at)
        return
    containing.ends_at, containing.plan_version_id = terms.schedule.first_end(at), terms.version_id
    containing.time_zone = terms.zone
    session.flush()
    limits.replace_limits(session, org_id, [at], terms.basis)
    record_terms(session, org_id, at, terms.version_id)


def record_terms(session: Session, org_id: UUID, at: datetime, version_id: UUID) -> None:
    """Record that the org is on this version from `at` on, unless it already is."""
    session.execute(_TERM, {"org": org_id, "at": at, "version": version_id})


def _find_covered(session: Session, org_id: UUID) -> Period | None:
    """The span from the start of the org's first period to the end of its last."""
    query = select(func.min(UsagePeriod.starts_at), func.max(UsagePeriod.ends_at))
    start, end = session.execute(query.where(UsagePeriod.org_id == org_id)).one()
    return Period(start, end) if start else None


def _open_before(session: Session, org_id: UUID, periods: Sequence[Period], zone: str, now: datetime) -> None:
    """Open calendar months before the first known period, on the default plan, as there was no subscription then."""
    known_first = update(UsagePeriod).where(UsagePeriod.org_id == org_id, UsagePeriod.previous_end.is_(None))
    session.execute(known_first.values(previous_end=UsagePeriod.starts_at))
    terms = PeriodTerms(zone, PeriodSchedule(zone), queries.get_default_version_id(session), LimitBasis(owes=False))
    _open(session, org_id, periods, terms, now, after=None)


def _open(
    session: Session,
    org_id: UUID,
    periods: Sequence[Period],
    terms: PeriodTerms,
    now: datetime,
    *,
    after: datetime | None,
) -> None:
    """Store consecutive periods with their limits; the first follows the one that ends at `after`."""
    if not periods:
        return
    rows = [
        {
            "org_id": org_id,
            "starts_at": period.start,
            "ends_at": period.end,
            "previous_end": after if number == 0 else period.start,
            "plan_version_id": terms.version_id,
            "time_zone": terms.zone,
            "opened_at": now,
        }
        for number, period in enumerate(periods)
    ]
    session.execute(insert(UsagePeriod).on_conflict_do_nothing(), rows)
    limits.copy_limits(session, org_id, [period.start for period in periods], terms.basis)
    record_terms(session, org_id, periods[0].start, terms.version_id)
