"""GET /limits: the org's current limits and features, with the source of each."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from app.accounts.guards import acting_org
from app.catalog.api_schemas import MeterLimits
from app.kit.fields import Instant
from app.subscriptions import queries
from app.subscriptions.entitlements import EntitledMeter, Entitlements, get_entitlements
from app.subscriptions.models import UsagePeriod
from app.subscriptions.overrides.held import HeldOverride, list_overrides
from app.subscriptions.terms.resolver import CAP
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
    """A meter's terms in the current period. Meters not listed are unlimited and not billed.

    Usage above `cap` is refused, whatever the policy; null: never. `source` says what sets the cap: the `plan`, an
    `override`, a `restriction` (a payment is overdue), `not_collected` (nobody collects payment for the plan, so what
    it would charge for is refused), or a `trial`. `sources` has the source of every other value that is not the plan's.
    """

    cap: Decimal | None
    source: str
    sources: dict[str, str]


class LimitOverride(msgspec.Struct):
    """A value agreed for the organisation; it holds or will. `ends_at` null: no end is agreed.

    An allowance, policy or price holds to the end of the usage period that contains `ends_at`.
    """

    key: str
    value: Any
    reason: str
    starts_at: Instant
    ends_at: Instant | None


class LimitsAnswer(msgspec.Struct):
    """The organisation's entitlements. `limited`: a payment is overdue or the plan is paused, so lower limits apply."""

    plan: LimitPlan
    limited: bool
    period: LimitPeriod | None
    meters: list[LimitMeter]
    limits: list[LimitValue]
    features: list[LimitFeature]
    overrides: list[LimitOverride]


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
            "cap": "1000",
            "source": "plan",
            "sources": {},
        }
    ],
    "limits": [{"key": "jobs_at_once", "value": "3", "source": "override"}],
    "features": [{"key": "support", "label": "Support", "value": "community", "source": "plan"}],
    "overrides": [
        {
            "key": "limit:jobs_at_once",
            "value": "3",
            "reason": "Agreed for the move of the archive",
            "starts_at": "2026-11-21T12:00:00Z",
            "ends_at": "2027-01-31T23:00:00Z",
        }
    ],
}


@api.operation(
    "GET",
    "/limits",
    summary="Get the organisation's limits and features",
    description="The terms of every meter in the current usage period, limits that belong to no meter, and features;"
    " each with its source. `overrides` lists what has been agreed with the organisation.",
    response=LimitsAnswer,
    answer=_EXAMPLE,
)
def limits() -> LimitsAnswer:
    """Return the caller's entitlements."""
    org_id, now = acting_org(), business_now()
    entitlements = get_entitlements(session(), org_id, now)
    period = queries.find_current_period(session(), org_id, now)
    return _build_answer(entitlements, period, list_overrides(session(), org_id, now))


def _build_answer(
    entitlements: Entitlements, period: UsagePeriod | None, overrides: Sequence[HeldOverride]
) -> LimitsAnswer:
    return LimitsAnswer(
        plan=LimitPlan(entitlements.plan_key, entitlements.plan_name, entitlements.version),
        limited=entitlements.limited,
        period=LimitPeriod(period.starts_at, period.ends_at, period.time_zone) if period else None,
        meters=[_build_meter(meter) for meter in entitlements.meters],
        limits=[LimitValue(key, limit.value, limit.source) for key, limit in entitlements.limits.items()],
        features=[
            LimitFeature(key, grant.label, grant.value, grant.source) for key, grant in entitlements.features.items()
        ],
        overrides=[LimitOverride(row.key, row.value, row.reason, row.starts_at, row.ends_at) for row in overrides],
    )


def _build_meter(entitled: EntitledMeter) -> LimitMeter:
    meter, terms = entitled.meter, entitled.terms
    return LimitMeter(
        meter=meter.key,
        name=meter.name,
        unit=meter.unit,
        allowance=terms.allowance,
        policy=terms.policy,
        hard_limit=terms.hard_limit,
        per_minute=terms.per_minute,
        per_hour=terms.per_hour,
        per_day=terms.per_day,
        cap=terms.cap,
        source=terms.cap_source,
        sources={name: source for name, source in terms.sources.items() if name != CAP},
    )
