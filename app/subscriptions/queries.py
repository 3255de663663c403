"""Reads of subscriptions; the org is the first argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.sql_views import VERSIONS
from app.kit.errors import NotFound, Unavailable
from app.subscriptions.entitlements import Entitlements, resolve_entitlements
from app.subscriptions.limits import build_limits
from app.subscriptions.models import LimitInForce, Subscription, SubscriptionEvent, UsagePeriod

# For the hot pool: one row with the plan's requests a minute (NULL is unlimited), none before any catalogue. An org
# restricted until it pays has the default plan's.
RATE_SQL = """
SELECT value FROM catalog_limits
WHERE key = 'requests_per_minute' AND plan_version_id = CASE
    WHEN EXISTS (SELECT FROM subscriptions s
                 WHERE s.org_id = %(org_id)s AND s.ended_at IS NULL AND s.limited_at IS NOT NULL)
    THEN (SELECT v.id FROM catalog_default_version v)
    ELSE plan_in_force(%(org_id)s, %(now)s) END
"""
_NO_CATALOGUE = "No catalogue with a default plan has been applied yet."


@dataclass(frozen=True, slots=True)
class PlanName:
    """A plan version's names, for lists."""

    key: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A subscription event (`models.EVENTS`) and the plan at the time."""

    kind: str
    at: datetime
    plan: PlanName
    subscription_id: UUID


def find_subscription(session: Session, org_id: UUID) -> Subscription | None:
    """Find the org's current subscription; None is the default plan. Always refreshed from the database."""
    query = select(Subscription).where(Subscription.org_id == org_id, Subscription.ended_at.is_(None))
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def get_subscription(session: Session, org_id: UUID, subscription_id: UUID) -> Subscription:
    """Get a subscription of the org, ended or not; raises `NotFound`."""
    row = session.get(Subscription, subscription_id)
    if row is None or row.org_id != org_id:
        raise NotFound("There is no such subscription.")
    return row


def list_subscriptions(session: Session, org_id: UUID) -> list[Subscription]:
    """List all subscriptions of the org, including ended ones, newest first."""
    query = select(Subscription).where(Subscription.org_id == org_id)
    return list(session.scalars(query.order_by(Subscription.started_at.desc(), Subscription.id.desc())))


def list_history(session: Session, org_id: UUID, limit: int = 200) -> list[HistoryLine]:
    """List the events of the org's subscriptions, newest first."""
    query = (
        select(SubscriptionEvent, VERSIONS.c.plan_key, VERSIONS.c.plan_name, VERSIONS.c.number)
        .join(VERSIONS, VERSIONS.c.id == SubscriptionEvent.plan_version_id)
        .where(SubscriptionEvent.org_id == org_id)
        .order_by(SubscriptionEvent.at.desc(), SubscriptionEvent.id.desc())
        .limit(limit)
    )
    return [
        HistoryLine(event.kind, event.at, PlanName(key, name, number), event.subscription_id)
        for event, key, name, number in session.execute(query)
    ]


def get_plan_in_force(session: Session, org_id: UUID, at: datetime) -> UUID:
    """Get the org's plan version at a time; raises `Unavailable` before a catalogue is applied."""
    version_id = session.scalar(select(func.plan_in_force(org_id, at)))
    if not isinstance(version_id, UUID):
        raise Unavailable(_NO_CATALOGUE)
    return version_id


def get_default_version_id(session: Session) -> UUID:
    """Get the newest version of the default plan; raises `Unavailable` before a catalogue is applied."""
    version_id = catalog.find_default_version_id(session)
    if version_id is None:
        raise Unavailable(_NO_CATALOGUE)
    return version_id


def find_period(session: Session, org_id: UUID, at: datetime) -> UsagePeriod | None:
    """Find the usage period that contains a time; None if it is not open yet."""
    return session.scalars(
        select(UsagePeriod)
        .where(UsagePeriod.org_id == org_id, UsagePeriod.starts_at <= at)
        .order_by(UsagePeriod.starts_at.desc())
        .limit(1)
        .where(UsagePeriod.ends_at > at)
    ).one_or_none()


def find_current_period(session: Session, org_id: UUID, now: datetime) -> UsagePeriod | None:
    """Find the current usage period; None for a new org until its first is opened, within a minute."""
    return find_period(session, org_id, now)


def list_periods(session: Session, org_id: UUID, start: datetime, end: datetime) -> list[UsagePeriod]:
    """List the usage periods that overlap [start, end), oldest first."""
    query = select(UsagePeriod).where(
        UsagePeriod.org_id == org_id, UsagePeriod.ends_at > start, UsagePeriod.starts_at < end
    )
    return list(session.scalars(query.order_by(UsagePeriod.starts_at)))


def list_limits(session: Session, org_id: UUID, period_start: datetime) -> list[LimitInForce]:
    """List the limits in force in a period, one per meter of the plan."""
    query = select(LimitInForce).where(LimitInForce.org_id == org_id, LimitInForce.period_start == period_start)
    return list(session.scalars(query.order_by(LimitInForce.meter_id)))


def get_entitlements(session: Session, org_id: UUID, now: datetime) -> Entitlements:
    """Get the org's current entitlements. Before its first period is open, those it will have."""
    version = catalog.find_version(session, get_plan_in_force(session, org_id, now))
    if version is None:
        raise Unavailable("The plan in force is not in the catalogue.")
    subscription = find_subscription(session, org_id)
    restricted_to = (
        catalog.find_default_version(session) if subscription is not None and subscription.limited_at else None
    )
    period = find_current_period(session, org_id, now)
    if period is None:
        in_force = build_limits(version, org_id, now, owes=subscription is not None)
    else:
        in_force = list_limits(session, org_id, period.starts_at)
    return resolve_entitlements(version, in_force, catalog.get_meters_by_id(session), restricted_to)
