"""Response bodies of the usage calls. Integer amounts are minor units of `currency`; decimal strings are exact major
units.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from app.kit.fields import Instant, Label
from app.kit.money import exponent, to_major
from app.metering.queries import RecordedEvent as Recorded
from app.statements.ahead import METHOD
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures
from app.statements.history import HistoryMonth, MeterTotal
from app.statements.monthly import MeterMonth, SummaryMonth


class PlanNow(msgspec.Struct):
    """The organisation's current plan; `fee` is in minor units per `interval`."""

    key: str | None
    name: str
    version: int | None
    interval: str
    fee: int


class PeriodNow(msgspec.Struct):
    """The usage period [start, end), and the time zone whose calendar it follows."""

    start: Instant
    end: Instant
    time_zone: str


class WindowNow(msgspec.Struct):
    """An open minute, hour or day limit on top of the period's; `used` resets at `resets_at`."""

    span: str
    limit: Decimal
    used: Decimal
    resets_at: Instant


class MeterNow(msgspec.Struct):
    """A meter in the open period.

    `limit` is what `percent` is measured against: the cap where it comes first, otherwise the allowance; null is
    unlimited. `imported` is what imports brought besides `used`: it takes no room and costs nothing. Usage above
    `cap` is refused; `cap_source` says what sets it, as in `GET /limits`.
    `cost` is rounded as on the invoice. `projected_use` is what is expected at the period's end, whatever `cap` would
    refuse of it; eight outcomes in ten lie between `projected_low` and `projected_high`, which are null while
    `projection_basis` is `pace` or null. It is `weekdays`, `days`, `pace`, or null where there is no forecast.
    `reaches_limit_at` is null if the limit is already reached, or isn't expected to be before the period ends.
    """

    meter: str
    name: str
    unit: str
    aggregation: str
    policy: str
    used: Decimal
    imported: Decimal
    reserved: Decimal
    allowance: Decimal | None
    limit: Decimal | None
    cap: Decimal | None
    cap_source: str
    remaining: Decimal | None
    percent: int | None
    state: str
    cost: int
    exact_cost: Decimal
    next_unit_price: Decimal
    projected_use: Decimal
    projected_low: Decimal | None
    projected_high: Decimal | None
    projection_basis: str | None
    projected_cost: int
    reaches_limit_at: Instant | None
    windows: list[WindowNow]


class CurrentAnswer(msgspec.Struct):
    """The current period. `cost` = `fee_due` + `usage_cost`; projections are estimates by `method`."""

    plan: PlanNow
    period: PeriodNow
    currency: str
    as_of: Instant
    meters: list[MeterNow]
    fee_due: int
    usage_cost: int
    exact_usage_cost: Decimal
    cost: int
    projected_cost: int
    method: str


class UsageHistoryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Number of months, including the current one."""

    months: Annotated[int, msgspec.Meta(ge=1, le=12)] = 3


class UsageHistoryAnswer(msgspec.Struct):
    """The months, newest first."""

    months: list[HistoryMonth]
    as_of: Instant


class LatestEvent(msgspec.Struct):
    """A usage event as it was recorded."""

    id: str
    meter: str
    quantity: Decimal
    occurred_at: Instant
    recorded_at: Instant
    kind: str | None
    billable: bool


class UsageSummaryQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`user`: what you call the user whose usage alone is meant."""

    user: Label | None = None


class SummaryAnswer(msgspec.Struct):
    """The current month, lifetime totals, the ten latest events, and the last twelve months, oldest first."""

    month: date
    user: str | None
    meters: list[MeterMonth]
    lifetime: list[MeterTotal]
    latest_events: list[LatestEvent]
    trend: list[SummaryMonth]
    as_of: Instant


def build_current_answer(usage: CurrentUsage) -> CurrentAnswer:
    """Build the response from the figures."""
    return CurrentAnswer(
        plan=PlanNow(usage.plan_key, usage.plan_name, usage.plan_version, usage.interval, usage.fee),
        period=PeriodNow(usage.period.start, usage.period.end, usage.time_zone),
        currency=usage.currency,
        as_of=usage.as_of,
        meters=[_meter(meter, exponent(usage.currency)) for meter in usage.meters],
        fee_due=usage.fee_due,
        usage_cost=usage.usage_cost,
        exact_usage_cost=to_major(usage.exact_usage_cost, exponent(usage.currency)),
        cost=usage.cost,
        projected_cost=usage.projected_cost,
        method=METHOD,
    )


def _meter(meter: MeterFigures, places: int) -> MeterNow:
    return MeterNow(
        meter=meter.key,
        name=meter.name,
        unit=meter.unit,
        aggregation=meter.aggregation,
        policy=meter.terms.policy,
        used=meter.use.used,
        imported=meter.use.imported,
        reserved=meter.use.reserved,
        allowance=meter.terms.allowance,
        limit=meter.limit,
        cap=meter.terms.cap,
        cap_source=meter.terms.cap_source,
        remaining=meter.remaining,
        percent=meter.percent,
        state=meter.state,
        cost=meter.cost,
        exact_cost=to_major(meter.exact_cost, places),
        next_unit_price=to_major(meter.next_unit, places),
        projected_use=meter.projected_use,
        projected_low=meter.ahead.end.low if meter.ahead else None,
        projected_high=meter.ahead.end.high if meter.ahead else None,
        projection_basis=meter.ahead.basis.value if meter.ahead else None,
        projected_cost=meter.projected_cost,
        reaches_limit_at=meter.reaches_limit_at,
        windows=[WindowNow(window.span, window.limit, window.used, window.resets_at) for window in meter.windows],
    )


def build_latest_events(events: Iterable[Recorded]) -> list[LatestEvent]:
    """Build the response's list of latest events."""
    return [
        LatestEvent(
            id=event.event_id,
            meter=event.meter,
            quantity=event.quantity,
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            kind=event.kind,
            billable=event.billable,
        )
        for event in events
    ]
