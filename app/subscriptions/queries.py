"""All reads of subscriptions; the org comes first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.sql_views import VERSIONS
from app.kit.errors import NotFound, Unavailable
from app.subscriptions.entitlements import Entitlements, resolve
from app.subscriptions.limits import as_granted
from app.subscriptions.models import LimitInForce, Subscription, SubscriptionEvent, SubscriptionTerm, UsagePeriod

# For the hot pool: one row with the plan's requests a minute (NULL is unlimited), none before any catalogue. An org
# that is limited until it pays has the default plan's.
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
    """A plan version, as lists name it."""

    key: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A thing that happened to a subscription (`models.EVENTS`), on which plan."""

    kind: str
    at: datetime
    plan: PlanName
    subscription_id: UUID


def requests_per_minute(session: Session, org_id: UUID, now: datetime) -> int | None:
    """How many requests a minute the org's plan allows; None is unlimited."""
    found = session.connection().exec_driver_sql(RATE_SQL, {"org_id": org_id, "now": now}).scalar()
    return None if found is None else int(found)


def subscription(session: Session, org_id: UUID) -> Subscription | None:
    """The subscription that the org is on now; None is the default plan. Read anew: others may have changed it."""
    chosen = select(Subscription).where(Subscription.org_id == org_id, Subscription.ended_at.is_(None))
    return session.scalars(chosen.execution_options(populate_existing=True)).one_or_none()


def get_subscription(session: Session, org_id: UUID, subscription_id: UUID) -> Subscription:
    """A subscription of the org, ended or not; `NotFound` when it has none of this id."""
    found = session.get(Subscription, subscription_id)
    if found is None or found.org_id != org_id:
        raise NotFound("There is no such subscription.")
    return found


def subscriptions(session: Session, org_id: UUID) -> list[Subscription]:
    """Every subscription of the org, ended ones too, newest first."""
    chosen = select(Subscription).where(Subscription.org_id == org_id)
    return list(session.scalars(chosen.order_by(Subscription.started_at.desc(), Subscription.id.desc())))


def history(session: Session, org_id: UUID, most: int = 200) -> list[HistoryLine]:
    """What happened to the org's subscriptions, newest first."""
    chosen = (
        select(SubscriptionEvent, VERSIONS.c.plan_key, VERSIONS.c.plan_name, VERSIONS.c.number)
        .join(VERSIONS, VERSIONS.c.id == SubscriptionEvent.plan_version_id)
        .where(SubscriptionEvent.org_id == org_id)
        .order_by(SubscriptionEvent.at.desc(), SubscriptionEvent.id.desc())
        .limit(most)
    )
    return [
        HistoryLine(event.kind, event.at, PlanName(key, name, number), event.subscription_id)
        for event, key, name, number in session.execute(chosen)
    ]


def terms(session: Session, org_id: UUID) -> list[SubscriptionTerm]:
    """Which plan version the org was on from when, oldest first; a last one may lie ahead."""
    chosen = select(SubscriptionTerm).where(SubscriptionTerm.org_id == org_id)
    return list(session.scalars(chosen.order_by(SubscriptionTerm.starts_at)))


def plan_in_force(session: Session, org_id: UUID, at: datetime) -> UUID:
    """The plan version that the org was on at an instant; `Unavailable` before any catalogue was applied."""
    found = session.scalar(select(func.plan_in_force(org_id, at)))
    if not isinstance(found, UUID):
        raise Unavailable(_NO_CATALOGUE)
    return found


def default_version_id(session: Session) -> UUID:
    """The newest version of the default plan; `Unavailable` before any catalogue was applied."""
    found = catalog.find_default_version_id(session)
    if found is None:
        raise Unavailable(_NO_CATALOGUE)
    return found


def period_at(session: Session, org_id: UUID, at: datetime) -> UsagePeriod | None:
    """The usage period that holds an instant; None when it is not open yet."""
    return session.scalars(
        select(UsagePeriod)
        .where(UsagePeriod.org_id == org_id, UsagePeriod.starts_at <= at)
        .order_by(UsagePeriod.starts_at.desc())
        .limit(1)
        .where(UsagePeriod.ends_at > at)
    ).one_or_none()


def current_period(session: Session, org_id: UUID, now: datetime) -> UsagePeriod | None:
    """The usage period that runs now; None for an org whose first is still to be opened (within a minute)."""
    return period_at(session, org_id, now)


def periods(session: Session, org_id: UUID, start: datetime, end: datetime) -> list[UsagePeriod]:
    """The usage periods that touch [start, end), oldest first."""
    chosen = select(UsagePeriod).where(
        UsagePeriod.org_id == org_id, UsagePeriod.ends_at > start, UsagePeriod.starts_at < end
    )
    return list(session.scalars(chosen.order_by(UsagePeriod.starts_at)))


def limits(session: Session, org_id: UUID, period_start: datetime) -> list[LimitInForce]:
    """The limits in force in a period, one per meter that the plan mentions."""
    chosen = select(LimitInForce).where(LimitInForce.org_id == org_id, LimitInForce.period_start == period_start)
    return list(session.scalars(chosen.order_by(LimitInForce.meter_id)))


def entitlements(session: Session, org_id: UUID, now: datetime) -> Entitlements:
    """What the org may do now. Before its first period is open: what that will hold."""
    version = catalog.find_version(session, plan_in_force(session, org_id, now))
    if version is None:
        raise Unavailable("The plan in force is not in the catalogue.")
    held = subscription(session, org_id)
    held_to = catalog.find_default_version(session) if held is not None and held.limited_at else None
    period = current_period(session, org_id, now)
    if period is None:
        in_force = as_granted(version, org_id, now, owes=held is not None)
    else:
        in_force = limits(session, org_id, period.starts_at)
    return resolve(version, in_force, catalog.all_meters(session), held_to)


def plan_names(session: Session, org_ids: Collection[UUID], now: datetime) -> dict[UUID, PlanName]:
    """For lists of orgs: the plan that each is on now, in one statement."""
    asked = text("SELECT org, plan_in_force(org, :now) AS version FROM unnest(CAST(:orgs AS uuid[])) AS org")
    rows = session.execute(asked, {"orgs": list(org_ids), "now": now}).all()
    chosen = select(VERSIONS).where(VERSIONS.c.id.in_({row.version for row in rows}))
    named = {row.id: PlanName(row.plan_key, row.plan_name, row.number) for row in session.execute(chosen)}
    return {row.org: named[row.version] for row in rows if row.version in named}
