"""Opens usage periods. Whoever changes an org's periods or limits holds its usage lock; see migration 0006."""

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
"""How far beyond now periods stand open: two whole months at least, whatever their length."""

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
    """By what an org's new periods are opened: how to cut them, on which version, and how its limits hold."""

    zone: str
    cuts: PeriodSchedule
    version_id: UUID
    basis: LimitBasis


def ensure_period(session: Session, org_id: UUID, at: datetime, now: datetime) -> UsagePeriod:
    """Open the usage period that holds `at`, with its limits, and every one between it and those that are known.

    Repeating it changes nothing, also at once from many connections. An org's first period is the one that holds
    `now`; before it lie calendar months on the default plan. Raises `NotFound` (org), `Unavailable` (no catalogue).
    """
    found = queries.find_period(session, org_id, at)
    if found is not None:
        return found
    lock_usage(session, org_id)
    extend_periods(session, org_id, at, at, now)
    opened = queries.find_period(session, org_id, at)
    if opened is None:
        raise RuntimeError(f"no usage period of org {org_id} holds {at}")
    return opened


def open_periods_ahead(session: Session, org_id: UUID, now: datetime) -> None:
    """See to it that the period that holds `now` and the next two stand open."""
    lock_usage(session, org_id)
    extend_periods(session, org_id, now, now + AHEAD, now)


def rebuild_periods_ahead(session: Session, org_id: UUID, now: datetime) -> None:
    """Make the periods ahead anew, after the org's zone or its plan's default version has changed.

    The running period keeps its terms; its end moves to the boundary of the new zone, unless either is near enough
    for events to have been counted beyond it already.
    """
    lock_usage(session, org_id)
    extend_periods(session, org_id, now, now, now)
    running = queries.find_period(session, org_id, now)
    if running is None:
        raise RuntimeError(f"no usage period of org {org_id} holds {now}")
    drop_periods_ahead(session, org_id, running)
    terms = get_period_terms(session, org_id)
    if terms.cuts.anchor is None:  # Stripe's boundaries are instants, which no zone moves
        end = terms.cuts.nearest(running.ends_at)
        if min(end, running.ends_at) > now + timedelta(hours=1):
            running.ends_at = end
    running.time_zone = terms.zone
    session.flush()
    extend_periods(session, org_id, now, now + AHEAD, now)


def lock_usage(session: Session, org_id: UUID) -> None:
    """Wait for every write of usage in flight, and hold off the next, until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.usage_lock(org_id))))


def extend_periods(session: Session, org_id: UUID, start: datetime, end: datetime, now: datetime) -> None:
    """Open what is missing so that periods hold `start` and `end`. The caller holds the lock."""
    terms = get_period_terms(session, org_id)
    known = _known(session, org_id)
    if known is None:
        known = month_of(now, terms.zone)
        _open(session, org_id, [known], terms, now, after=None)
    _open(session, org_id, list(terms.cuts.forward(known.end, end)), terms, now, after=known.end)
    before = list(backward(known.start, start, terms.zone))[::-1]
    if before:
        _open_before(session, org_id, before, terms.zone, now)


def get_period_terms(session: Session, org_id: UUID) -> PeriodTerms:
    """By what new periods of the org are opened now."""
    zone = accounts.org(session, org_id).time_zone
    held = queries.find_subscription(session, org_id)
    if held is None:
        return PeriodTerms(zone, PeriodSchedule(zone), queries.get_default_version_id(session), LimitBasis(owes=False))
    held_to = queries.get_default_version_id(session) if held.limited_at else None
    cuts = PeriodSchedule("UTC", held.anchor_at) if held.collection == "stripe" else PeriodSchedule(zone)
    return PeriodTerms(zone, cuts, held.plan_version_id, LimitBasis(held.collection != "none", held_to))


def drop_periods_ahead(session: Session, org_id: UUID, running: UsagePeriod) -> None:
    """Close the periods after the running one; they are to be made anew in the same transaction."""
    after = running.starts_at
    session.execute(delete(UsagePeriod).where(UsagePeriod.org_id == org_id, UsagePeriod.starts_at > after))
    session.execute(
        delete(SubscriptionTerm).where(SubscriptionTerm.org_id == org_id, SubscriptionTerm.starts_at >= running.ends_at)
    )


def start_period(session: Session, org_id: UUID, holding: UsagePeriod, at: datetime, now: datetime) -> None:
    """End the period that holds `at` there and start another, by the terms in force now. Those ahead are dropped."""
    terms = get_period_terms(session, org_id)
    if holding.starts_at < at:
        holding.ends_at = at
        session.flush()
        _open(session, org_id, [Period(at, terms.cuts.first_end(at))], terms, now, after=at)
        return
    holding.ends_at, holding.plan_version_id = terms.cuts.first_end(at), terms.version_id
    holding.time_zone = terms.zone
    session.flush()
    limits.replace_limits(session, org_id, [at], terms.basis)
    record_terms(session, org_id, at, terms.version_id)


def record_terms(session: Session, org_id: UUID, at: datetime, version_id: UUID) -> None:
    """Write down that the org is on this version from then on, unless it is already."""
    session.execute(_TERM, {"org": org_id, "at": at, "version": version_id})


def _known(session: Session, org_id: UUID) -> Period | None:
    """From the start of the org's first period to the end of its last."""
    asked = select(func.min(UsagePeriod.starts_at), func.max(UsagePeriod.ends_at))
    start, end = session.execute(asked.where(UsagePeriod.org_id == org_id)).one()
    return Period(start, end) if start else None


def _open_before(session: Session, org_id: UUID, periods: Sequence[Period], zone: str, now: datetime) -> None:
    """Open calendar months before the first known period, on the default plan: nobody was subscribed then."""
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
    """Write periods that follow one another, the first of them after `after`, with their limits."""
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
