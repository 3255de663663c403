"""Monthly history of an organisation: usage, cost and plan. Used by the API's history and summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.kit.periods import midnight
from app.metering import queries as metering
from app.statements import queries
from app.statements.before_change import OwedBefore, get_owed_before
from app.statements.period import rate_period_row

Line = Row[Any]


@dataclass(frozen=True)
class History:
    """Months, oldest first, and all meters by id."""

    months: list[HistoryMonth]
    meters: Mapping[int, Meter]


class MeterTotal(msgspec.Struct):
    """Usage of a meter over a time span, and the number of events."""

    meter: str
    name: str
    unit: str
    used: Decimal
    events: int


class Amount(msgspec.Struct):
    """An amount in the currency's minor unit."""

    currency: str
    amount: int


class HistoryMonth(msgspec.Struct):
    """A calendar month in the organisation's time zone.

    `usage_cost` covers the usage periods that began in the month; it is an estimate while one of them is open. `plan`
    is the plan at the month's end (or now); `plan_changed` says that a different plan applied earlier in the month.
    """

    month: date
    meters: list[MeterTotal]
    usage_cost: list[Amount]
    plan: str | None
    plan_changed: bool


@dataclass(frozen=True)
class MonthFrame:
    """A calendar month without its usage. `costs` by currency and meter, in minor units; None: owed before a change."""

    month: date
    costs: Mapping[str, Mapping[int | None, int]]
    plan: str | None
    plan_changed: bool


def get_history(session: Session, org_id: UUID, now: datetime, zone: str, count: int) -> History:
    """Read the last `count` calendar months in the organisation's time zone, including the current one.

    Four queries, and one more where a plan was changed in mid-period.

    Quantities are roll-ups plus later events; costs are those of the usage periods that began in the month.
    """
    firsts = list_months(now.astimezone(ZoneInfo(zone)).date(), count)
    meters = catalog.get_meters_by_id(session)
    figures = metering.list_monthly_usage(session, org_id, firsts[0], firsts[-1])
    months = [
        HistoryMonth(
            month=frame.month,
            meters=build_totals((figure for figure in figures if figure.day == frame.month), meters),
            usage_cost=[Amount(currency, sum(amounts.values())) for currency, amounts in frame.costs.items()],
            plan=frame.plan,
            plan_changed=frame.plan_changed,
        )
        for frame in list_month_frames(session, org_id, now, zone, firsts)
    ]
    return History(months, meters)


def list_month_frames(
    session: Session, org_id: UUID, now: datetime, zone: str, firsts: Sequence[date]
) -> list[MonthFrame]:
    """Costs and plans of calendar months, given by their first days. Two queries, or three after a change of plan."""
    start, end = midnight(firsts[0], zone), midnight(next_month(firsts[-1]), zone)
    rows = queries.list_period_rows(session, org_id, start, end)
    changed = any(row.plan_changed for row in rows)
    costs = _costs(rows, get_owed_before(session, org_id, start, end) if changed else {}, zone)
    changes = queries.list_plan_terms(session, org_id)
    return [
        MonthFrame(
            month=first,
            costs=costs.get(first, {}),
            plan=_plan_at(changes, min(midnight(next_month(first), zone), now)),
            plan_changed=_changed(changes, midnight(first, zone), min(midnight(next_month(first), zone), now)),
        )
        for first in firsts
    ]


def build_totals(
    figures: Iterable[metering.UsageFigure | metering.Lifetime], known: Mapping[int, Meter]
) -> list[MeterTotal]:
    """One total per meter."""
    return [
        MeterTotal(known[e.meter_id].key, known[e.meter_id].name, known[e.meter_id].unit, _used(e), e.events)
        for e in figures
    ]


def list_months(today: date, count: int) -> list[date]:
    """First days of the last `count` months up to the month of `today`, oldest first."""
    last = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(last - count + 1, last + 1)]


def next_month(first: date) -> date:
    """First day of the next month."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _used(figure: metering.UsageFigure | metering.Lifetime) -> Decimal:
    return figure.used if isinstance(figure, metering.Lifetime) else figure.quantity


def _costs(
    rows: Sequence[Line], owed_before: Mapping[datetime, OwedBefore], zone: str
) -> dict[date, dict[str, dict[int | None, int]]]:
    """Costs by month, currency and meter; amounts in different currencies are never added."""
    periods: dict[tuple[datetime, str], dict[int | None, int]] = {}
    for row in rows:
        meters = periods.setdefault((row.starts_at, row.currency), {})
        meters[row.meter_id] = meters.get(row.meter_id, 0) + (_price(row) if row.key else 0)
    costs: dict[date, dict[str, dict[int | None, int]]] = {}
    for (starts_at, currency), meters in periods.items():
        least = owed_before[starts_at].amount if starts_at in owed_before else 0
        month = costs.setdefault(starts_at.astimezone(ZoneInfo(zone)).date().replace(day=1), {})
        amounts = month.setdefault(currency, {})
        for meter_id, amount in {**meters, None: max(0, least - sum(meters.values()))}.items():
            amounts[meter_id] = amounts.get(meter_id, 0) + amount
    return costs


def _price(row: Line) -> int:
    rated = rate_period_row(row)
    return rated.rounded if rated else 0


def _plan_at(changes: Sequence[Line], at: datetime) -> str | None:
    """The plan just before `at`."""
    before = [change.key for change in changes if change.starts_at < at]
    return before[-1] if before else None


def _changed(changes: Sequence[Line], start: datetime, end: datetime) -> bool:
    """Whether the plan changed within [start, end). A new version of the same plan is not a change."""
    plan = _plan_at(changes, start)
    within = [change.key for change in changes if start <= change.starts_at < end]
    return any(key != plan for key in within) if plan is not None else len(set(within)) > 1
