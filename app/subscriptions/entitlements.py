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
UNPAID = "unpaid"
"""The source while an org is held to the default plan's limits, until it has paid."""


@dataclass(frozen=True, slots=True)
class EntitledLimit:
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
    """Everything that an org may do now. `limited`: the plan is named, but the default plan's limits hold."""

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
        """How many requests a minute the API takes; None is unlimited."""
        value = self.limits["requests_per_minute"].value
        return None if value is None else int(value)


def resolve_entitlements(
    version: PlanVersion,
    in_force: Iterable[LimitInForce],
    meters: Mapping[int, Meter],
    held_to: PlanVersion | None = None,
) -> Entitlements:
    """The plan's terms, as they hold in the current period. Versions are loaded with their parts.

    `held_to` is the default plan's version, for an org that is limited until it pays.
    """
    source = PLAN if held_to is None else UNPAID
    granted = held_to or version
    terms = [_terms(row, meters[row.meter_id], source) for row in in_force]
    return Entitlements(
        plan_key=version.plan.key,
        plan_name=version.plan.name,
        version=version.number,
        version_id=version.id,
        limits={each.key: EntitledLimit(each.value, source) for each in granted.limits},
        features={each.key: Grant(each.label, each.value, source) for each in granted.features},
        meters=tuple(sorted(terms, key=lambda each: each.key)),
        limited=held_to is not None,
    )


def _terms(row: LimitInForce, meter: Meter, source: str) -> MeterTerms:
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
