"""What the usage calls answer. Money: integers are minor units of `currency`, decimal texts are major units, exact."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from app.kit.fields import Instant
from app.kit.money import exponent, to_major
from app.metering.queries import RecordedEvent as Recorded
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures
from app.statements.history import HistoryMonth, MeterTotal
from app.statements.projection import METHOD


class PlanNow(msgspec.Struct):
    """The plan that the org is on: `fee` is in minor units for each `interval`."""

    key: str | None
    name: str
    version: int | None
    interval: str
    fee: int


class PeriodNow(msgspec.Struct):
    """[start, end): the usage period, and the zone whose calendar it is shown in."""

    start: Instant
    end: Instant
    time_zone: str


class WindowNow(msgspec.Struct):
    """The open minute, hour or day that limits a meter on top of the period; `used` starts again at `resets_at`."""

    span: str
    limit: Decimal
    used: Decimal
    resets_at: Instant


class MeterNow(msgspec.Struct):
    """A meter in the open period.

    `limit` is what `percent` is measured against: where use is refused under `block`, else the allowance; null is
    unlimited. `cost` is rounded as on the invoice. `reaches_limit_at` is null when the limit is met already, or not
    before the period's end at the present pace.
    """

    meter: str
    name: str
    unit: str
    aggregation: str
    policy: str
    used: Decimal
    reserved: Decimal
    allowance: Decimal | None
    limit: Decimal | None
    refused_above: Decimal | None
    remaining: Decimal | None
    percent: int | None
    state: str
    cost: int
    exact_cost: Decimal
    next_unit_price: Decimal
    projected_use: Decimal
    projected_cost: int
    reaches_limit_at: Instant | None
    windows: list[WindowNow]


class CurrentAnswer(msgspec.Struct):
    """Where the org stands. `cost` = `fee_due` + `usage_cost`; what is projected is an estimate by `method`."""

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
    """How many months, this one included."""

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


class SummaryAnswer(msgspec.Struct):
    """The running month, everything ever, the ten latest events, and the last twelve months, oldest first."""

    month: date
    meters: list[MeterTotal]
    lifetime: list[MeterTotal]
    latest_events: list[LatestEvent]
    trend: list[HistoryMonth]
    as_of: Instant


def current_answer(usage: CurrentUsage) -> CurrentAnswer:
    """The figures as the API says them."""
    return CurrentAnswer(
        plan=PlanNow(usage.plan_key, usage.plan_name, usage.plan_version, usage.interval, usage.fee),
        period=PeriodNow(usage.period.start, usage.period.end, usage.time_zone),
        currency=usage.currency,
        as_of=usage.as_of,
        meters=[_meter(each, exponent(usage.currency)) for each in usage.meters],
        fee_due=usage.fee_due,
        usage_cost=usage.usage_cost,
        exact_usage_cost=to_major(usage.exact_usage_cost, exponent(usage.currency)),
        cost=usage.cost,
        projected_cost=usage.projected_cost,
        method=METHOD,
    )


def _meter(each: MeterFigures, places: int) -> MeterNow:
    return MeterNow(
        meter=each.key,
        name=each.name,
        unit=each.unit,
        aggregation=each.aggregation,
        policy=each.terms.policy,
        used=each.use.used,
        reserved=each.use.reserved,
        allowance=each.terms.allowance,
        limit=each.limit,
        refused_above=each.terms.refused_above,
        remaining=each.remaining,
        percent=each.percent,
        state=each.state,
        cost=each.cost,
        exact_cost=to_major(each.exact_cost, places),
        next_unit_price=to_major(each.next_unit, places),
        projected_use=each.projected_use,
        projected_cost=each.projected_cost,
        reaches_limit_at=each.reaches_limit_at,
        windows=[WindowNow(one.span, one.limit, one.used, one.resets_at) for one in each.windows],
    )


def latest_events(events: Iterable[Recorded]) -> list[LatestEvent]:
    """The same as the API says them."""
    return [
        LatestEvent(
            id=each.event_id,
            meter=each.meter,
            quantity=each.quantity,
            occurred_at=each.occurred_at,
            recorded_at=each.recorded_at,
            kind=each.kind,
            billable=each.billable,
        )
        for each in events
    ]
