"""The catalogue as the database holds it, read into the shape that a file has: for comparing and for export."""

from __future__ import annotations

from app.catalog.definition import Allowance, ChargeDef, Feature, MeterDef, PlanDef, PlanTerms
from app.catalog.models import Meter, PlanVersion


def meter_def(meter: Meter) -> MeterDef:
    """A stored meter as declared."""
    return MeterDef(meter.key, meter.name, meter.unit, meter.aggregation, meter.dimension)


def plan_def(version: PlanVersion) -> PlanDef:
    """A stored version, loaded with its parts, as the declaration that would make it."""
    plan = version.plan
    return PlanDef(plan.key, plan.name, plan.summary, plan.public, plan.is_default, plan.position, terms_of(version))


def terms_of(version: PlanVersion) -> PlanTerms:
    """The terms of a version loaded with its parts."""
    return PlanTerms(
        prices={(price.currency, price.interval): price.amount for price in version.prices},
        charges=tuple(
            ChargeDef(each.key, each.meter.key, each.currency, each.model, each.collect, each.properties)
            for each in version.charges
        ),
        meters={
            each.meter.key: Allowance(
                each.allowance, each.policy, each.hard_limit, each.per_minute, each.per_hour, each.per_day
            )
            for each in version.meters
        },
        limits={each.key: each.value for each in version.limits},
        features={each.key: Feature(each.label, each.value) for each in version.features},
    )
