"""What an org may do now, resolved from its plan version, with the source of each answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.catalog.models import Meter, PlanVersion
from app.subscriptions.models import LimitInForce

PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that is no meter's; `value` None is unlimited."""

    value: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A feature: its words for people, and what the org has of it."""

    label: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """What holds for a meter in the current period. None: unlimited, or no such limit."""

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
    """Everything that an org may do now."""

    plan_key: str
    plan_name: str
    version: int
    version_id: UUID
    limits: Mapping[str, Limit]
    features: Mapping[str, Grant]
    meters: tuple[MeterTerms, ...]

    @property
    def requests_per_minute(self) -> int | None:
        """How many requests a minute the API takes; None is unlimited."""
        value = self.limits["requests_per_minute"].value
        return None if value is None else int(value)


def resolve(version: PlanVersion, in_force: Iterable[LimitInForce], meters: Mapping[int, Meter]) -> Entitlements:
    """The plan's terms, as they hold in the current period. `version` is loaded with its parts."""
    terms = [_terms(row, meters[row.meter_id]) for row in in_force]
    return Entitlements(
        plan_key=version.plan.key,
        plan_name=version.plan.name,
        version=version.number,
        version_id=version.id,
        limits={each.key: Limit(each.value, PLAN) for each in version.limits},
        features={each.key: Grant(each.label, each.value, PLAN) for each in version.features},
        meters=tuple(sorted(terms, key=lambda each: each.key)),
    )


def _terms(row: LimitInForce, meter: Meter) -> MeterTerms:
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
        source=PLAN,
    )
