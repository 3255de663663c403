"""API schemas for plans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from app.catalog.models import PlanCharge, PlanMeter, PlanVersion
from app.kit.fields import FreeObject


class PlansQuery(msgspec.Struct, forbid_unknown_fields=True):
    """With `currency`, only plans that have a price in it, with only their prices and charges in that currency."""

    currency: str | None = None


class Price(msgspec.Struct):
    """The flat fee per interval, an integer in the currency's minor unit."""

    currency: str
    interval: str
    amount: int


class UsagePrice(msgspec.Struct):
    """The price of usage above the allowance: a pricing model and its properties, as accepted by `POST /quotes`."""

    key: str
    currency: str
    model: str
    properties: FreeObject
    collect: str


class MeterLimits(msgspec.Struct):
    """A meter and its limits, as plans grant them and organisations have them."""

    meter: str
    name: str
    unit: str
    allowance: Decimal | None
    policy: str
    hard_limit: Decimal | None
    per_minute: Decimal | None
    per_hour: Decimal | None
    per_day: Decimal | None


class PlanMeterTerms(MeterLimits):
    """A plan's terms for a meter. A null `allowance` is unlimited; the other limits are null when not set."""

    charges: list[UsagePrice]


class PlanFeatureValue(msgspec.Struct):
    """A feature: its display label and its value in the plan."""

    key: str
    label: str
    value: Any


class OfferedPlan(msgspec.Struct):
    """The newest version of a plan. A null limit is unlimited.

    `trial_days`: how many days a new subscriber may try it for free; null: it has no trial. `trial_overage` says what
    happens above an allowance in the trial: `block`, or `charge`, which records it. Nothing used in a trial is billed.
    """

    key: str
    name: str
    summary: str
    version: int
    version_id: str
    default: bool
    trial_days: int | None
    trial_overage: str | None
    prices: list[Price]
    meters: list[PlanMeterTerms]
    limits: dict[str, Decimal | None]
    features: list[PlanFeatureValue]


class PlansAnswer(msgspec.Struct):
    """The plans on offer, in display order."""

    plans: list[OfferedPlan]


def build_offered_plan(version: PlanVersion, currency: str | None = None) -> OfferedPlan:
    """Build the API's view of a version loaded with its parts; with a currency, only its prices and charges."""
    return OfferedPlan(
        key=version.plan.key,
        name=version.plan.name,
        summary=version.plan.summary,
        version=version.number,
        version_id=str(version.id),
        default=version.plan.is_default,
        trial_days=version.trial_days,
        trial_overage=version.trial_overage if version.trial_days else None,
        prices=[Price(p.currency, p.interval, p.amount) for p in version.prices if currency in (None, p.currency)],
        meters=[_meter(plan_meter, version, currency) for plan_meter in version.meters],
        limits={limit.key: limit.value for limit in version.limits},
        features=[PlanFeatureValue(feature.key, feature.label, feature.value) for feature in version.features],
    )


def build_usage_price(charge: PlanCharge) -> UsagePrice:
    """Build the API's view of a charge."""
    return UsagePrice(charge.key, charge.currency, charge.model, charge.properties, charge.collect)


def _meter(granted: PlanMeter, version: PlanVersion, currency: str | None) -> PlanMeterTerms:
    charges = [
        build_usage_price(charge)
        for charge in version.charges
        if charge.meter_id == granted.meter_id and currency in (None, charge.currency)
    ]
    return PlanMeterTerms(
        meter=granted.meter.key,
        name=granted.meter.name,
        unit=granted.meter.unit,
        allowance=granted.allowance,
        policy=granted.policy,
        hard_limit=granted.hard_limit,
        per_minute=granted.per_minute,
        per_hour=granted.per_hour,
        per_day=granted.per_day,
        charges=charges,
    )
