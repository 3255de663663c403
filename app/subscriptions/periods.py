"""Opens usage periods. Changing an org's periods or terms requires its usage lock; see `usage_lock.sql`."""

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
from app.subscriptions import queries
from app.subscriptions.models import PlanInForce, UsagePeriod
from app.subscriptions.period_schedule import PeriodSchedule, backward
from app.subscriptions.terms.in_force import is_unresolved
from app.subscriptions.terms.writer import write_terms

AHEAD = timedelta(days=62)
"""How far ahead periods are opened: at least two whole months, whatever their length."""

_PLAN = text("""
    INSERT INTO plans_in_force (org_id, starts_at, plan_version_id)
    SELECT :org, :at, :version
    WHERE CAST(:version AS uuid) IS DISTINCT FROM (
        SELECT plan_version_id FROM plans_in_force
        WHERE org_id = :org AND starts_at <= :at ORDER BY starts_at DESC LIMIT 1)
    ON CONFLICT (org_id, starts_at) DO UPDATE SET plan_version_id = excluded.plan_version_id
""")


@dataclass(frozen=True, slots=True)
class Opening:
    """How an org's new periods are opened: their zone, schedule and plan version."""

    zone: str
    schedule: PeriodSchedule
    version_id: UUID


def ensure_period(session: Session, org_id: UUID, at: datetime, now: datetime) -> UsagePeriod:
    """Open the usage period that contains `at`, with its terms, and all between it and the existing ones.

    Resolves terms that are missing or have run out, in this period or a later one. Idempotent, also under concurrency.
    An org's first period is the one that contains `now`; calendar months on the default plan precede it. Raises
    `NotFound` (org), `Unavailable` (no catalogue).
    """
    existing = queries.find_period(session, org_id, at)
    if existing is not None and not is_unresolved(session, org_id, at, now):
        return existing
    lock_usage(session, org_id)
    if not extend_periods(session, org_id, at, at, now) and is_unresolved(session, org_id, at, now):
        write_terms(session, org_id, at, now)
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
    opening = get_opening(session, org_id)
    if opening.schedule.anchor is None:  # Stripe's boundaries do not depend on the zone
        end = opening.schedule.nearest(running.ends_at)
        if min(end, running.ends_at) > now + timedelta(hours=1):
            running.ends_at = end
    running.time_zone = opening.zone
    session.flush()
    open_missing(session, org_id, now, now + AHEAD, now)
    write_terms(session, org_id, running.starts_at, now)  # what decides in the running one may have moved too


def lock_usage(session: Session, org_id: UUID) -> None:
    """Wait for usage writes in flight and block new ones until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.usage_lock(org_id))))


def extend_periods(session: Session, org_id: UUID, start: datetime, end: datetime, now: datetime) -> bool:
    """Open missing periods with their terms, so that `start` and `end` are covered; whether any was missing.

    The caller holds the lock.
    """
    opened = open_missing(session, org_id, start, end, now)
    if opened:
        write_terms(session, org_id, min(opened), now)
    return bool(opened)


def open_missing(session: Session, org_id: UUID, start: datetime, end: datetime, now: datetime) -> list[datetime]:
    """Open missing periods so that `start` and `end` are covered; returns their starts. The caller writes the terms."""
    opening = get_opening(session, org_id)
    covered, opened = _find_covered(session, org_id), []
    if covered is None:
        covered = month_of(now, opening.zone)
        opened += _open(session, org_id, [covered], opening, now, after=None)
    opened += _open(session, org_id, list(opening.schedule.forward(covered.end, end)), opening, now, after=covered.end)
    before = list(backward(covered.start, start, opening.zone))[::-1]
    if before:
        opened += _open_before(session, org_id, before, opening.zone, now)
    return opened


def get_opening(session: Session, org_id: UUID) -> Opening:
    """Get how the org's periods are opened now."""
    zone = accounts.get_org(session, org_id).time_zone
    subscription = queries.find_subscription(session, org_id)
    if subscription is None:
        return Opening(zone, PeriodSchedule(zone), queries.get_default_version_id(session))
    at_stripe = subscription.collection == "stripe"
    anchored = PeriodSchedule("UTC", subscription.anchor_at, subscription.trial_ends_at)
    schedule = anchored if at_stripe else PeriodSchedule(zone)
    return Opening(zone, schedule, subscription.terms_version_id)


def drop_periods_ahead(session: Session, org_id: UUID, running: UsagePeriod) -> None:
    """Delete the periods after the running one; the caller recreates them in the same transaction."""
    after = running.starts_at
    session.execute(delete(UsagePeriod).where(UsagePeriod.org_id == org_id, UsagePeriod.starts_at > after))
    session.execute(delete(PlanInForce).where(PlanInForce.org_id == org_id, PlanInForce.starts_at >= running.ends_at))


def start_period(session: Session, org_id: UUID, containing: UsagePeriod, at: datetime, now: datetime) -> None:
    """End the period that contains `at` there and start another on the current plan. Those ahead must be dropped.

    The caller writes the terms.
    """
    opening = get_opening(session, org_id)
    if containing.starts_at < at:
        containing.ends_at = at
        session.flush()
        _open(session, org_id, [Period(at, opening.schedule.first_end(at))], opening, now, after=at)
        return
    containing.ends_at, containing.plan_version_id = opening.schedule.first_end(at), opening.version_id
    containing.time_zone = opening.zone
    session.flush()
    record_plan(session, org_id, at, opening.version_id)


def record_plan(session: Session, org_id: UUID, at: datetime, version_id: UUID) -> None:
    """Record that the org is on this version from `at` on, unless it already is."""
    session.execute(_PLAN, {"org": org_id, "at": at, "version": version_id})


def _find_covered(session: Session, org_id: UUID) -> Period | None:
    """The span from the start of the org's first period to the end of its last."""
    query = select(func.min(UsagePeriod.starts_at), func.max(UsagePeriod.ends_at))
    start, end = session.execute(query.where(UsagePeriod.org_id == org_id)).one()
    return Period(start, end) if start else None


def _open_before(session: Session, org_id: UUID, periods: Sequence[Period], zone: str, now: datetime) -> list[datetime]:
    """Open calendar months before the first known period, on the default plan, as there was no subscription then."""
    known_first = update(UsagePeriod).where(UsagePeriod.org_id == org_id, UsagePeriod.previous_end.is_(None))
    session.execute(known_first.values(previous_end=UsagePeriod.starts_at))
    opening = Opening(zone, PeriodSchedule(zone), queries.get_default_version_id(session))
    return _open(session, org_id, periods, opening, now, after=None)


def _open(
    session: Session,
    org_id: UUID,
    periods: Sequence[Period],
    opening: Opening,
    now: datetime,
    *,
    after: datetime | None,
) -> list[datetime]:
    """Store consecutive periods; the first follows the one that ends at `after`. Returns their starts."""
    if not periods:
        return []
    rows = [
        {
            "org_id": org_id,
            "starts_at": period.start,
            "ends_at": period.end,
            "previous_end": after if number == 0 else period.start,
            "plan_version_id": opening.version_id,
            "time_zone": opening.zone,
            "opened_at": now,
        }
        for number, period in enumerate(periods)
    ]
    session.execute(insert(UsagePeriod).on_conflict_do_nothing(), rows)
    record_plan(session, org_id, periods[0].start, opening.version_id)
    return [period.start for period in periods]
