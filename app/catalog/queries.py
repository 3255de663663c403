"""Reads of the catalogue. It belongs to the installation, so no function takes an org."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.catalog.models import Meter, Plan, PlanVersion
from app.catalog.parts import load_versions
from app.catalog.sql_views import NEWEST
from app.kit.postgres.together import AnySelect, ask

# For the hot pool: the public plans on sale, in catalogue order (smallest first), with what they say about a meter
# (NULL: they do not mention it), their requests per minute, and what holds above an allowance in a trial.
PLANS_ON_SALE_SQL = """
SELECT plan.key, meter.aggregation, requests.value, plan.trial_overage,
       granted.policy, granted.allowance, granted.hard_limit,
       granted.per_minute, granted.per_hour, granted.per_day, NULL,
       EXISTS (SELECT FROM plan_charges charge WHERE charge.plan_version_id = plan.version_id
                 AND charge.meter_id = meter.id AND charge.collect = 'immediate')
FROM catalog_offers plan
LEFT JOIN meters meter ON meter.key = %s
LEFT JOIN plan_meters granted ON granted.plan_version_id = plan.version_id AND granted.meter_id = meter.id
LEFT JOIN plan_limits requests ON requests.plan_version_id = plan.version_id AND requests.key = 'requests_per_minute'
WHERE plan.public AND NOT plan.is_default
  AND EXISTS (SELECT FROM plan_prices price WHERE price.plan_version_id = plan.version_id AND price.amount > 0)
ORDER BY plan.position, plan.key LIMIT 20
"""
_PRICED = (joinedload(PlanVersion.plan), selectinload(PlanVersion.prices))


def _newest() -> Select[PlanVersion]:
    """Select the newest published version of every plan, with its plan."""
    return select(PlanVersion).join(NEWEST, NEWEST.c.version_id == PlanVersion.id).join(PlanVersion.plan)


def find_version_of(session: Session, plan_key: str, number: int) -> PlanVersion | None:
    """Find a published version of a plan by its number, with all its parts."""
    query = select(PlanVersion).join(PlanVersion.plan).where(Plan.key == plan_key, PlanVersion.number == number)
    return _one(load_versions(session, query.where(PlanVersion.published_at.is_not(None))))


def _one(versions: Sequence[PlanVersion]) -> PlanVersion | None:
    return versions[0] if versions else None


def list_meters(session: Session) -> list[Meter]:
    """List the meters in use, by key."""
    return list(session.scalars(select(Meter).where(Meter.archived_at.is_(None)).order_by(Meter.key)))


def select_meters() -> Select[Meter]:
    """Select every meter, archived ones too: old usage still has its name."""
    return select(Meter).order_by(Meter.id)


def get_meters_by_id(session: Session) -> dict[int, Meter]:
    """Every meter by its id."""
    return {meter.id: meter for meter in ask(session, select_meters())}


def find_version(session: Session, version_id: UUID) -> PlanVersion | None:
    """Find a version, published or not, with its plan and all its parts."""
    return _one(load_versions(session, select(PlanVersion).where(PlanVersion.id == version_id)))


def find_priced_version(session: Session, version_id: UUID) -> PlanVersion | None:
    """Find a version with its plan and prices, without its other parts."""
    return session.scalars(select(PlanVersion).where(PlanVersion.id == version_id).options(*_PRICED)).one_or_none()


def load_change(
    session: Session, own_id: UUID, plan_key: str, *more: AnySelect
) -> tuple[PlanVersion | None, PlanVersion | None]:
    """What a change of plan is between: a version, and the newest of a plan that is not archived, with all their parts.

    `more` is prepared in the same statement.
    """
    newest = _newest().where(Plan.key == plan_key, Plan.archived_at.is_(None)).with_only_columns(PlanVersion.id)
    query = select(PlanVersion).where(or_(PlanVersion.id == own_id, PlanVersion.id.in_(newest)))
    found = load_versions(session, query, *more)
    targets = [version for version in found if version.plan.key == plan_key and version.plan.archived_at is None]
    own = next((version for version in found if version.id == own_id), None)
    return own, max(targets, key=lambda version: version.number, default=None)


def is_sold(session: Session, version_id: UUID, interval: str, currency: str) -> bool:
    """Whether a version has a price at an interval and currency; one without prices is sold by agreement."""
    version = find_priced_version(session, version_id)
    prices = {(price.interval, price.currency) for price in version.prices} if version else set()
    return version is not None and (not prices or (interval, currency) in prices)


def find_newest_priced_version(session: Session, plan_key: str) -> PlanVersion | None:
    """Find what `find_newest_version` does, with prices alone."""
    return session.scalars(
        _newest().where(Plan.key == plan_key, Plan.archived_at.is_(None)).options(*_PRICED)
    ).one_or_none()


def find_newest_version(session: Session, plan_key: str) -> PlanVersion | None:
    """Find the newest published version of a plan that is not archived, with all its parts."""
    return _one(load_versions(session, _newest().where(Plan.key == plan_key, Plan.archived_at.is_(None))))


def find_newest_number(session: Session, plan_key: str) -> int | None:
    """Find the number of a plan's newest published version, archived or not, without loading it."""
    return session.scalar(_newest().where(Plan.key == plan_key).with_only_columns(PlanVersion.number))


def find_default_version(session: Session) -> PlanVersion | None:
    """Find the newest version of the default plan, for orgs without a subscription. None before any catalogue."""
    return _one(load_versions(session, _newest().where(Plan.is_default)))


def find_default_version_id(session: Session) -> UUID | None:
    """Find the id of the default plan's newest version without loading its parts."""
    return session.scalar(_newest().where(Plan.is_default).with_only_columns(PlanVersion.id))


def list_newest_versions(session: Session, keys: Collection[str]) -> list[PlanVersion]:
    """List the newest published version of the plans with these keys, archived or not, and of the default plan."""
    return load_versions(session, _newest().where(Plan.key.in_(keys) | Plan.is_default))


def list_offered_versions(session: Session, *, public: bool = True, currency: str | None = None) -> list[PlanVersion]:
    """List the newest version of every live plan in display order, with all parts.

    With `public=False`, private plans too. With a currency, only plans that have a price in it.
    """
    versions: Iterable[PlanVersion] = load_versions(session, _newest().where(Plan.archived_at.is_(None)))
    if public:
        versions = (version for version in versions if version.plan.public)
    if currency is not None:
        versions = (version for version in versions if any(price.currency == currency for price in version.prices))
    return sorted(versions, key=lambda version: (version.plan.position, version.plan.key))


def find_plan_of_version(session: Session, version_id: UUID) -> Row[Any] | None:
    """Find a version's number, and the key and name of its plan, without loading its parts."""
    plans = select(PlanVersion.number, Plan.key, Plan.name).join(PlanVersion, PlanVersion.plan_id == Plan.id)
    row: Row[Any] | None = session.execute(plans.where(PlanVersion.id == version_id)).one_or_none()  # type: ignore[assignment]  # a row of three
    return row


def get_billing_terms(session: Session, version_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """How the usage of each version is billed: discount_usage, tax_behavior and tax_code, by its id."""
    columns = (PlanVersion.id, PlanVersion.discount_usage, PlanVersion.tax_behavior, PlanVersion.tax_code)
    rows: Sequence[Row[Any]] = session.execute(select(*columns).where(PlanVersion.id.in_(version_ids))).all()  # type: ignore[assignment]  # rows of four
    return {row.id: row for row in rows}


def get_plans_of_versions(session: Session, version_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """The key and name of the plan, and the number, of each version by its id, without loading their parts."""
    rows: Sequence[Row[Any]] = session.execute(select_plans_of_versions(version_ids)).all()
    return {row.id: row for row in rows}


def select_plans_of_versions(version_ids: Collection[UUID] | AnySelect) -> AnySelect:
    """Select what `get_plans_of_versions` finds: id, number, key and name."""
    plans = select(PlanVersion.id, PlanVersion.number, Plan.key, Plan.name).join(Plan, PlanVersion.plan_id == Plan.id)
    return plans.where(PlanVersion.id.in_(version_ids))
