"""Reads of the catalogue. It is the installation's own, so no org comes first here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload, selectinload

from app.catalog.models import Meter, Plan, PlanCharge, PlanMeter, PlanVersion

# For the hot pool: the public plans that can be bought, smallest first as the catalogue orders them, each with where it
# refuses the meter in a period, a minute, an hour and a day (NULL is nowhere), and its requests a minute.
ROOM_SQL = """
SELECT plan.key, meter.aggregation,
       CASE WHEN held.policy = 'block' THEN coalesce(held.hard_limit, held.allowance) ELSE held.hard_limit END,
       held.per_minute, held.per_hour, held.per_day, requests.value
FROM catalog_offers plan
LEFT JOIN meters meter ON meter.key = %s
LEFT JOIN plan_meters held ON held.plan_version_id = plan.version_id AND held.meter_id = meter.id
LEFT JOIN plan_limits requests ON requests.plan_version_id = plan.version_id AND requests.key = 'requests_per_minute'
WHERE plan.public AND NOT plan.is_default
  AND EXISTS (SELECT FROM plan_prices price WHERE price.plan_version_id = plan.version_id AND price.amount > 0)
ORDER BY plan.position, plan.key LIMIT 20
"""
_PARTS = (
    joinedload(PlanVersion.plan),
    selectinload(PlanVersion.prices),
    selectinload(PlanVersion.charges).joinedload(PlanCharge.meter),
    selectinload(PlanVersion.meters).joinedload(PlanMeter.meter),
    selectinload(PlanVersion.limits),
    selectinload(PlanVersion.features),
)


def _newest() -> Select[PlanVersion]:
    """The newest published version of each plan, with its plan."""
    return (
        select(PlanVersion)
        .join(PlanVersion.plan)
        .where(PlanVersion.published_at.is_not(None))
        .order_by(PlanVersion.plan_id, PlanVersion.number.desc())
        .ext(distinct_on(PlanVersion.plan_id))
    )


def meters(session: Session) -> list[Meter]:
    """Every meter in use, by key."""
    return list(session.scalars(select(Meter).where(Meter.archived_at.is_(None)).order_by(Meter.key)))


def all_meters(session: Session) -> dict[int, Meter]:
    """Every meter by its id, archived ones too: old usage still has its name."""
    return {meter.id: meter for meter in session.scalars(select(Meter).order_by(Meter.id))}


def version(session: Session, version_id: UUID) -> PlanVersion | None:
    """A version with its plan and all its parts, published or not."""
    return session.scalars(select(PlanVersion).where(PlanVersion.id == version_id).options(*_PARTS)).one_or_none()


def version_of(session: Session, plan_key: str) -> PlanVersion | None:
    """The newest published version of a plan that is not archived, with all its parts."""
    return session.scalars(
        _newest().where(Plan.key == plan_key, Plan.archived_at.is_(None)).options(*_PARTS)
    ).one_or_none()


def default_version(session: Session) -> PlanVersion | None:
    """What an org without a subscription is on: the newest version of the default plan. None before any catalogue."""
    return session.scalars(_newest().where(Plan.is_default).options(*_PARTS)).one_or_none()


def default_version_id(session: Session) -> UUID | None:
    """The id of `default_version`, cheaper."""
    return session.scalar(_newest().where(Plan.is_default).with_only_columns(PlanVersion.id))


def newest(session: Session) -> list[PlanVersion]:
    """The newest published version of every plan, archived ones too, with all parts."""
    return list(session.scalars(_newest().options(*_PARTS)))


def offered(session: Session, *, public: bool = True, currency: str | None = None) -> list[PlanVersion]:
    """The newest version of every live plan in display order, with all parts.

    With `public` off, private plans too. With a currency, only plans that have a price in it.
    """
    found: Iterable[PlanVersion] = session.scalars(_newest().where(Plan.archived_at.is_(None)).options(*_PARTS))
    if public:
        found = (each for each in found if each.plan.public)
    if currency is not None:
        found = (each for each in found if any(price.currency == currency for price in each.prices))
    return sorted(found, key=lambda each: (each.plan.position, each.plan.key))


def plan_of_version(session: Session, version_id: UUID) -> Row[Any] | None:
    """Key and name of the plan that a version is of."""
    chosen = select(Plan.key, Plan.name).join(PlanVersion, PlanVersion.plan_id == Plan.id)
    found: Row[Any] | None = session.execute(chosen.where(PlanVersion.id == version_id)).one_or_none()  # type: ignore[assignment]  # a row of two
    return found
