"""Resolves an org's limits and features from its plan version, with the source of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.catalog.models import Meter, PlanVersion
from app.subscriptions.models import LimitInForce

PLAN = "plan"
UNPAID = "unpaid"
"""The source while an unpaid org is restricted to the default plan's limits."""


@dataclass(frozen=True, slots=True)
class EntitledLimit:
    """A limit that belongs to no meter; `value` None is unlimited."""

    value: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A feature: its label and its value for the org."""

    label: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """A meter's limits in the current period. None: unlimited, or no such limit."""

    meter_id: int
    key: str
    name: str
    unit: str
    aggregation: str
    allowance: Decimal | None
    policy: str
    hard_limit: Decimal | None
    per_minute: Decimal | None
    per_hour: Decimal | None
    per_day: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class Entitlements:
    """An org's current limits and features. `limited`: the default plan's limits apply instead of the named plan's."""

    plan_key: str
    plan_name: str
    version: int
    version_id: UUID
    limits: Mapping[str, EntitledLimit]
    features: Mapping[str, Grant]
    meters: tuple[MeterTerms, ...]
    limited: bool = False

    @property
    def requests_per_minute(self) -> int | None:
        """The API's limit of requests a minute; None is unlimited."""
        value = self.limits["requests_per_minute"].value
        return None if value is None else int(value)


def resolve_entitlements(
    version: PlanVersion,
    in_force: Iterable[LimitInForce],
    meters: Mapping[int, Meter],
    restricted_to: PlanVersion | None = None,
) -> Entitlements:
    """Resolve the plan's terms in the current period. Versions are loaded with their parts.

    `restricted_to` is the default plan's version, for an org that is restricted until it pays.
    """
    source = PLAN if restricted_to is None else UNPAID
    granted = restricted_to or version
    terms = [_build_terms(row, meters[row.meter_id], source) for row in in_force]
    return Entitlements(
        plan_key=version.plan.key,
        plan_name=version.plan.name,
        version=version.number,
        version_id=version.id,
        limits={limit.key: EntitledLimit(limit.value, source) for limit in granted.limits},
        features={feature.key: Grant(feature.label, feature.value, source) for feature in granted.features},
        meters=tuple(sorted(terms, key=lambda meter: meter.key)),
        limited=restricted_to is not None,
    )


def _build_terms(row: LimitInForce, meter: Meter, source: str) -> MeterTerms:
    return MeterTerms(
        meter_id=meter.id,
        key=meter.key,
        name=meter.name,
        unit=meter.unit,
        aggregation=meter.aggregation,
        allowance=row.allowance,
        policy=row.policy,
        hard_limit=row.hard_limit,
        per_minute=row.per_minute,
        per_hour=row.per_hour,
        per_day=row.per_day,
        source=source,
    )
