"""Reads of subscriptions; the org is the first argument."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, Uuid, func, select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.sql_views import VERSIONS
from app.kit.errors import NotFound, Unavailable
from app.kit.postgres.together import AnySelect, ask
from app.subscriptions.models import Subscription, SubscriptionEvent, TermsInForce, UsagePeriod

# For the hot pool: the org's requests a minute (NULL is unlimited); no row where its terms have to be resolved first.
RATE_SQL = """
SELECT amount FROM org_terms
WHERE org_id = %(org_id)s AND key = 'limit:requests_per_minute' AND (valid_until IS NULL OR valid_until > %(now)s)
"""
# For the hot pool: the key of the plan that the org subscribes to, and whether it is trying it.
OWN_PLAN_SQL = """
SELECT version.plan_key, own.state = 'trialing'
FROM subscriptions_open own JOIN catalog_versions version ON version.id = own.plan_version_id WHERE own.org_id = %s
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
    return next(iter(ask(session, select_subscription(org_id))), None)


def select_subscription(org_id: UUID) -> Select[Subscription]:
    """Select the org's current subscription, as it is stored now."""
    query = select(Subscription).where(Subscription.org_id == org_id, Subscription.is_open)
    return query.execution_options(populate_existing=True)


def get_subscription(session: Session, org_id: UUID, subscription_id: UUID) -> Subscription:
    """Get a subscription of the org, ended or not; raises `NotFound`."""
    row = session.get(Subscription, subscription_id)
    if row is None or row.org_id != org_id:
        raise NotFound("There is no such subscription.")
    return row


def find_previous(session: Session, subscription: Subscription) -> Subscription | None:
    """Find the subscription that gave way to another, at whose start it ended."""
    query = select(Subscription).where(
        Subscription.org_id == subscription.org_id,
        Subscription.ended_at == subscription.started_at,
        Subscription.id != subscription.id,
    )
    return session.scalars(query.order_by(Subscription.started_at.desc(), Subscription.id.desc())).first()


def list_subscriptions(session: Session, org_id: UUID) -> list[Subscription]:
    """List all subscriptions of the org, including ended ones, newest first."""
    query = select(Subscription).where(Subscription.org_id == org_id)
    return list(session.scalars(query.order_by(Subscription.started_at.desc(), Subscription.id.desc())))


def list_subscriptions_of(session: Session, org_ids: Collection[UUID]) -> dict[UUID, list[Subscription]]:
    """List the same of several orgs, by org."""
    query = select(Subscription).where(Subscription.org_id.in_(org_ids))
    found: dict[UUID, list[Subscription]] = {org_id: [] for org_id in org_ids}
    for row in session.scalars(query.order_by(Subscription.started_at.desc(), Subscription.id.desc())):
        found[row.org_id].append(row)
    return found


def list_open(session: Session, org_ids: Collection[UUID]) -> dict[UUID, Subscription]:
    """List the open subscriptions of several orgs, by org, as they are stored now."""
    query = select(Subscription).where(Subscription.org_id.in_(org_ids), Subscription.is_open)
    return {row.org_id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def list_history(session: Session, org_id: UUID, limit: int = 200) -> list[HistoryLine]:
    """List the events of the org's subscriptions, newest first."""
    return [
        HistoryLine(event.kind, event.at, PlanName(key, name, number), event.subscription_id)
        for event, key, name, number in ask(session, select_history(org_id, limit))
    ]


def select_history(org_id: UUID, limit: int) -> AnySelect:
    """Select what `list_history` lists."""
    return (
        select(SubscriptionEvent, VERSIONS.c.plan_key, VERSIONS.c.plan_name, VERSIONS.c.number)
        .join(VERSIONS, VERSIONS.c.id == SubscriptionEvent.plan_version_id)
        .where(SubscriptionEvent.org_id == org_id)
        .order_by(SubscriptionEvent.at.desc(), SubscriptionEvent.id.desc())
        .limit(limit)
    )


def get_plan_in_force(session: Session, org_id: UUID, at: datetime) -> UUID:
    """Get the org's plan version at a time; raises `Unavailable` before a catalogue is applied."""
    [(version_id,)] = ask(session, select_plan_in_force(org_id, at))
    if not isinstance(version_id, UUID):
        raise Unavailable(_NO_CATALOGUE)
    return version_id


def select_plan_in_force(org_id: UUID, at: datetime) -> Select[UUID]:
    """Select the org's plan version at a time."""
    return select(func.plan_in_force(org_id, at, type_=Uuid))


def get_default_version_id(session: Session) -> UUID:
    """Get the newest version of the default plan; raises `Unavailable` before a catalogue is applied."""
    version_id = catalog.find_default_version_id(session)
    if version_id is None:
        raise Unavailable(_NO_CATALOGUE)
    return version_id


def find_period(session: Session, org_id: UUID, at: datetime) -> UsagePeriod | None:
    """Find the usage period that contains a time, as it is stored now; None if it is not open yet."""
    return next(iter(ask(session, select_period(org_id, at))), None)


def select_period(org_id: UUID, at: datetime) -> Select[UsagePeriod]:
    """Select what `find_period` finds."""
    query = (
        select(UsagePeriod)
        .where(UsagePeriod.org_id == org_id, UsagePeriod.starts_at <= at)
        .order_by(UsagePeriod.starts_at.desc())
        .limit(1)
        .where(UsagePeriod.ends_at > at)
    )
    return query.execution_options(populate_existing=True)


def find_current_period(session: Session, org_id: UUID, now: datetime) -> UsagePeriod | None:
    """Find the current usage period; None for a new org until its first is opened, within a minute."""
    return find_period(session, org_id, now)


def list_periods(session: Session, org_id: UUID, start: datetime, end: datetime) -> list[UsagePeriod]:
    """List the usage periods that overlap [start, end) as they are stored now, oldest first."""
    query = select(UsagePeriod).where(
        UsagePeriod.org_id == org_id, UsagePeriod.ends_at > start, UsagePeriod.starts_at < end
    )
    return list(session.scalars(query.order_by(UsagePeriod.starts_at).execution_options(populate_existing=True)))


def find_closed_end(session: Session, org_id: UUID) -> datetime | None:
    """Find the end of the org's last closed usage period: no boundary before it moves any more."""
    closed = select(func.max(UsagePeriod.ends_at)).where(
        UsagePeriod.org_id == org_id, UsagePeriod.closed_at.is_not(None)
    )
    return session.scalar(closed)


def list_terms(session: Session, org_id: UUID, period_start: datetime) -> list[TermsInForce]:
    """List the terms in force in a period, one per meter."""
    query = select(TermsInForce).where(TermsInForce.org_id == org_id, TermsInForce.period_start == period_start)
    return list(session.scalars(query.order_by(TermsInForce.meter_id)))
