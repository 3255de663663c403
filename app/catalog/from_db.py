"""Converts stored rows into catalogue definitions, for comparison and export."""

from __future__ import annotations

from app.catalog.definition import Allowance, ChargeDef, Feature, MeterDef, PlanDef, PlanTerms
from app.catalog.models import Meter, PlanVersion


def build_meter_def(meter: Meter) -> MeterDef:
    """Build a meter's declaration from its row."""
    return MeterDef(meter.key, meter.name, meter.unit, meter.aggregation, meter.dimension)


def build_plan_def(version: PlanVersion) -> PlanDef:
    """Build the declaration of a version loaded with its parts."""
    plan = version.plan
    return PlanDef(plan.key, plan.name, plan.summary, plan.public, plan.is_default, plan.position, build_terms(version))


def build_terms(version: PlanVersion) -> PlanTerms:
    """Build the terms of a version loaded with its parts."""
    return PlanTerms(
        prices={(price.currency, price.interval): price.amount for price in version.prices},
        charges=tuple(
            ChargeDef(charge.key, charge.meter.key, charge.currency, charge.model, charge.collect, charge.properties)
            for charge in version.charges
        ),
        meters={
            row.meter.key: Allowance(
                row.allowance, row.policy, row.hard_limit, row.per_minute, row.per_hour, row.per_day
            )
            for row in version.meters
        },
        limits={limit.key: limit.value for limit in version.limits},
        features={feature.key: Feature(feature.label, feature.value) for feature in version.features},
        discount_usage=version.discount_usage,
        tax_behavior=version.tax_behavior,
        tax_code=version.tax_code,
        trial_days=version.trial_days,
        trial_overage=version.trial_overage,
    )
