"""GET /limits: the org's current limits and features, with the source of each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from app.accounts.guards import acting_org
from app.catalog.api_schemas import MeterLimits
from app.kit.fields import Instant
from app.subscriptions import queries
from app.subscriptions.entitlements import Entitlements, MeterTerms
from app.subscriptions.models import UsagePeriod
from app.web.api import Api
from app.web.database import session
from app.web.runtime import business_now

api = Api("subscriptions", __name__)


class LimitPlan(msgspec.Struct):
    """The org's current plan version."""

    key: str
    name: str
    version: int


class LimitPeriod(msgspec.Struct):
    """The current usage period, [start, end); null for the first minute of a new organisation."""

    starts_at: Instant
    ends_at: Instant
    time_zone: str


class LimitValue(msgspec.Struct):
    """A limit that belongs to no meter; null is unlimited."""

    key: str
    value: Decimal | None
    source: str


class LimitFeature(msgspec.Struct):
    """A feature and its value for the organisation."""

    key: str
    label: str
    value: Any
    source: str


class LimitMeter(MeterLimits):
    """A meter's limits in the current period. Meters not listed are unlimited."""

    source: str


class LimitsAnswer(msgspec.Struct):
    """The organisation's entitlements. `source` is `plan`, or `unpaid`: the default plan's limits, until paid."""

    plan: LimitPlan
    limited: bool
    period: LimitPeriod | None
    meters: list[LimitMeter]
    limits: list[LimitValue]
    features: list[LimitFeature]


_EXAMPLE = {
    "plan": {"key": "free", "name": "Free", "version": 1},
    "limited": False,
    "period": {"starts_at": "2026-11-01T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z", "time_zone": "UTC"},
    "meters": [
        {
            "meter": "api_calls",
            "name": "API calls",
            "unit": "call",
            "allowance": "1000",
            "policy": "block",
            "hard_limit": None,
            "per_minute": None,
            "per_hour": None,
            "per_day": "500",
            "source": "plan",
        }
    ],
    "limits": [{"key": "jobs_at_once", "value": "1", "source": "plan"}],
    "features": [{"key": "support", "label": "Support", "value": "community", "source": "plan"}],
}


@api.operation(
    "GET",
    "/limits",
    summary="Get the organisation's limits and features",
    description="Limits per meter in the current usage period, limits that belong to no meter, and features; each with"
    " its source.",
    response=LimitsAnswer,
    answer=_EXAMPLE,
)
def limits() -> LimitsAnswer:
    """Return the caller's entitlements."""
    org_id, now = acting_org(), business_now()
    entitlements = queries.get_entitlements(session(), org_id, now)
    return _build_answer(entitlements, queries.find_current_period(session(), org_id, now))


def _build_answer(entitlements: Entitlements, period: UsagePeriod | None) -> LimitsAnswer:
    return LimitsAnswer(
        plan=LimitPlan(entitlements.plan_key, entitlements.plan_name, entitlements.version),
        limited=entitlements.limited,
        period=LimitPeriod(period.starts_at, period.ends_at, period.time_zone) if period else None,
        meters=[_build_meter(meter) for meter in entitlements.meters],
        limits=[LimitValue(key, limit.value, limit.source) for key, limit in entitlements.limits.items()],
        features=[
            LimitFeature(key, grant.label, grant.value, grant.source) for key, grant in entitlements.features.items()
        ],
    )


def _build_meter(meter: MeterTerms) -> LimitMeter:
    return LimitMeter(
        meter=meter.key,
        name=meter.name,
        unit=meter.unit,
        allowance=meter.allowance,
        policy=meter.policy,
        hard_limit=meter.hard_limit,
        per_minute=meter.per_minute,
        per_hour=meter.per_hour,
        per_day=meter.per_day,
        source=meter.source,
    )
