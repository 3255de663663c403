"""GET /limits: what the org may do now, and where each answer comes from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from app.accounts.guards import acting_org
from app.kit.fields import Instant
from app.subscriptions import queries
from app.subscriptions.entitlements import Entitlements, MeterTerms
from app.subscriptions.models import UsagePeriod
from app.web.api import Api
from app.web.database import session
from app.web.runtime import business_now

api = Api("subscriptions", __name__)


class LimitPlan(msgspec.Struct):
    """The plan version that the org is on."""

    key: str
    name: str
    version: int


class LimitPeriod(msgspec.Struct):
    """The running usage period, [start, end); null in a new org for the minute until it is opened."""

    starts_at: Instant
    ends_at: Instant
    time_zone: str


class LimitValue(msgspec.Struct):
    """A limit that is no meter's; null is unlimited."""

    key: str
    value: Decimal | None
    source: str


class LimitFeature(msgspec.Struct):
    """A feature, and what the org has of it."""

    key: str
    label: str
    value: Any
    source: str


class LimitMeter(msgspec.Struct):
    """What holds for a meter in the running period. A meter that is not listed is not limited."""

    meter: str
    name: str
    unit: str
    allowance: Decimal | None
    policy: str
    hard_limit: Decimal | None
    per_minute: Decimal | None
    per_hour: Decimal | None
    per_day: Decimal | None
    source: str


class LimitsAnswer(msgspec.Struct):
    """The org's entitlements. `source` says what each comes from: `plan`, or `unpaid`: the default plan, until paid."""

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
    summary="What the organisation may do now, with the source of each answer",
    description="Limits per meter as they hold in the running usage period, limits that are no meter's, and features.",
    response=LimitsAnswer,
    answer=_EXAMPLE,
)
def limits() -> LimitsAnswer:
    """The caller's entitlements."""
    org_id, now = acting_org(), business_now()
    found = queries.get_entitlements(session(), org_id, now)
    return _answer(found, queries.find_current_period(session(), org_id, now))


def _answer(found: Entitlements, period: UsagePeriod | None) -> LimitsAnswer:
    return LimitsAnswer(
        plan=LimitPlan(found.plan_key, found.plan_name, found.version),
        limited=found.limited,
        period=LimitPeriod(period.starts_at, period.ends_at, period.time_zone) if period else None,
        meters=[_meter(each) for each in found.meters],
        limits=[LimitValue(key, each.value, each.source) for key, each in found.limits.items()],
        features=[LimitFeature(key, each.label, each.value, each.source) for key, each in found.features.items()],
    )


def _meter(each: MeterTerms) -> LimitMeter:
    return LimitMeter(
        meter=each.key,
        name=each.name,
        unit=each.unit,
        allowance=each.allowance,
        policy=each.policy,
        hard_limit=each.hard_limit,
        per_minute=each.per_minute,
        per_hour=each.per_hour,
        per_day=each.per_day,
        source=each.source,
    )
