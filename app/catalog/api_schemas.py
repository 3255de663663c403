"""The shapes in which the API shows plans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from app.catalog.models import PlanMeter, PlanVersion
from app.kit.fields import FreeObject


class PlansQuery(msgspec.Struct, forbid_unknown_fields=True):
    """With `currency`, only plans that have a price in it, and only their prices and charges in it."""

    currency: str | None = None


class Price(msgspec.Struct):
    """The flat fee of an interval, an integer of the currency's minor unit."""

    currency: str
    interval: str
    amount: int


class UsagePrice(msgspec.Struct):
    """What usage above the allowance costs: a pricing model with its properties, as `POST /quotes` takes them."""

    key: str
    currency: str
    model: str
    properties: FreeObject
    collect: str


class PlanMeterTerms(msgspec.Struct):
    """What a plan grants of a meter. `allowance` null is unlimited; the other limits are null where there is none."""

    meter: str
    name: str
    unit: str
    allowance: Decimal | None
    policy: str
    hard_limit: Decimal | None
    per_minute: Decimal | None
    per_hour: Decimal | None
    per_day: Decimal | None
    charges: list[UsagePrice]


class PlanFeatureValue(msgspec.Struct):
    """A feature: what people call it, and what the plan gives of it."""

    key: str
    label: str
    value: Any


class OfferedPlan(msgspec.Struct):
    """A plan in its newest version. Limits that are null are unlimited."""

    key: str
    name: str
    summary: str
    version: int
    version_id: str
    default: bool
    prices: list[Price]
    meters: list[PlanMeterTerms]
    limits: dict[str, Decimal | None]
    features: list[PlanFeatureValue]


class PlansAnswer(msgspec.Struct):
    """The plans on offer, in display order."""

    plans: list[OfferedPlan]


def answer(version: PlanVersion, currency: str | None = None) -> OfferedPlan:
    """A version loaded with its parts; with a currency, only what is priced in it."""
    return OfferedPlan(
        key=version.plan.key,
        name=version.plan.name,
        summary=version.plan.summary,
        version=version.number,
        version_id=str(version.id),
        default=version.plan.is_default,
        prices=[Price(p.currency, p.interval, p.amount) for p in version.prices if currency in (None, p.currency)],
        meters=[_meter(each, version, currency) for each in version.meters],
        limits={each.key: each.value for each in version.limits},
        features=[PlanFeatureValue(each.key, each.label, each.value) for each in version.features],
    )


def _meter(granted: PlanMeter, version: PlanVersion, currency: str | None) -> PlanMeterTerms:
    charges = [
        UsagePrice(each.key, each.currency, each.model, each.properties, each.collect)
        for each in version.charges
        if each.meter_id == granted.meter_id and currency in (None, each.currency)
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
