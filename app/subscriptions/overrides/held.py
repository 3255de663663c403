"""The overrides that an org has or will have, as people and programs read them. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.catalog.sql_views import METERS, VERSIONS
from app.kit.periods import Period
from app.kit.postgres.together import AnySelect, ask
from app.subscriptions.models import OrgTerm, Override, UsagePeriod
from app.subscriptions.overrides.active import find_active, find_end, has_begun
from app.subscriptions.overrides.keys import parse_key


@dataclass(frozen=True, slots=True)
class HeldOverride:
    """An override that holds or will, until `ends_at` (None: until it is taken back); see `models.Override`.

    An allowance, policy or price holds to the end of the usage period that contains `ends_at`. `open`: it has neither
    run out nor been taken back or replaced, so it can be taken back.
    """

    key: str
    value: Any
    currency: str | None
    reason: str
    given_by: UUID | None
    given_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    stays: bool
    open: bool
    name: str | None = None
    unit: str | None = None


def list_overrides(session: Session, org_id: UUID, now: datetime) -> list[HeldOverride]:
    """List the overrides of an org that hold or will, by key; one that will replace another comes after it.

    Worked example: an allowance of 2,000, and from the next usage period 1,500: both, the first until that period.
    """
    rows = ask(session, select_overrides(org_id, now))
    if not rows:
        return []
    _, period, plan_id, *_ = rows[0]
    running = Period(period.starts_at, period.ends_at)
    held = _list_held([override for override, *_ in rows], running, plan_id, now)
    names = {row.Override.id: (row.name, row.unit, row.label) for row in rows}
    return [_name(describe_held(row, now, running), *names[row.id]) for row in held]


def select_overrides(org_id: UUID, now: datetime) -> AnySelect:
    """Select the overrides that may hold or will, each with the running period, its plan and what it is called."""
    in_period = (UsagePeriod.org_id == Override.org_id) & (UsagePeriod.starts_at <= now) & (UsagePeriod.ends_at > now)
    return (
        select(Override, UsagePeriod, VERSIONS.c.plan_id, METERS.c.name, METERS.c.unit, OrgTerm.label)
        .join(UsagePeriod, in_period)
        .outerjoin(METERS, METERS.c.key == func.split_part(Override.key, ":", 2))
        .outerjoin(OrgTerm, (OrgTerm.org_id == Override.org_id) & (OrgTerm.key == Override.key))
        .join(VERSIONS, VERSIONS.c.id == UsagePeriod.plan_version_id)
        .where(Override.org_id == org_id)
        .where(or_(Override.ended_at.is_(None), Override.ended_at > UsagePeriod.starts_at))
        .where(or_(Override.plan_id.is_(None), Override.plan_id == VERSIONS.c.plan_id))
    )


def find_replaced(session: Session, given: Override) -> Override | None:
    """Find the override that one replaced when it was given. Of those of one instant, the ids tell the order."""
    query = select(Override).where(
        Override.org_id == given.org_id,
        Override.id != given.id,
        or_(Override.given_at != given.given_at, Override.id < given.id),
        Override.key.in_(parse_key(given.key).replaces),
        Override.ended_at == given.given_at,
        or_(Override.ends_at.is_(None), Override.ends_at > given.given_at),
    )
    return session.scalars(query.order_by(Override.given_at.desc(), Override.id.desc()).limit(1)).one_or_none()


def describe_held(row: Override, now: datetime, running: Period | None = None) -> HeldOverride:
    """Describe an override as of now. The running usage period says how long one that was taken back still holds."""
    key, end = parse_key(row.key), find_end(row)
    over = end is not None and end <= now
    if running is not None and over and key.for_periods and has_begun(row, running):
        end = running.end
    return HeldOverride(
        key=row.key,
        value=row.value,
        currency=row.currency,
        reason=row.reason,
        given_by=row.given_by,
        given_at=row.given_at,
        starts_at=row.starts_at,
        ends_at=end,
        stays=row.plan_id is None,
        open=not over,
    )


def _list_held(overrides: Sequence[Override], period: Period, plan_id: UUID, now: datetime) -> list[Override]:
    """For each key the last given that holds, and the one that is still to begin."""
    holding = {key.replaces: row for key, row in find_active(overrides, period, plan_id, now).holding}
    active = set(holding.values())
    waiting = [row for row in overrides if row.ended_at is None and row not in active and _is_ahead(row, period, now)]
    return sorted([*holding.values(), *waiting], key=lambda row: (row.key, row.starts_at))


def _name(row: HeldOverride, meter: str | None, unit: str | None, label: str | None) -> HeldOverride:
    return replace(row, name=meter, unit=unit) if parse_key(row.key).meter else replace(row, name=label)


def _is_ahead(row: Override, period: Period, now: datetime) -> bool:
    """Whether an override that does not hold will: it has not run out before it begins."""
    return row.starts_at > row.given_at and period.start <= row.given_at and (row.ends_at is None or row.ends_at > now)
