"""An org's months: what was used, what it cost, on which plan. Read by the API's history and summary."""

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
from app.rating import price
from app.statements import queries
from app.statements.current_usage import terms_of
from app.statements.figures import UsageTerms

Line = Row[Any]


@dataclass(frozen=True)
class History:
    """Months, oldest first, and the meters by id that they speak of."""

    months: list[HistoryMonth]
    meters: Mapping[int, Meter]


class MeterTotal(msgspec.Struct):
    """What was used of a meter in a span, and in how many events."""

    meter: str
    name: str
    unit: str
    used: Decimal
    events: int


class Amount(msgspec.Struct):
    """An amount of the currency's minor unit."""

    currency: str
    amount: int


class HistoryMonth(msgspec.Struct):
    """A calendar month of the org's zone.

    `usage_cost` is that of the usage periods that began in the month, an estimate while one of them is open. `plan` is
    the one at the month's end (or now); `plan_changed` says that it was another at some time within.
    """

    month: date
    meters: list[MeterTotal]
    usage_cost: list[Amount]
    plan: str | None
    plan_changed: bool


def history(session: Session, org_id: UUID, now: datetime, zone: str, count: int) -> History:
    """The last `count` calendar months of the org's zone, the running one included: four statements.

    Quantities are roll-ups plus what came since; costs are those of the usage periods that began in the month.
    """
    firsts = months_to(now.astimezone(ZoneInfo(zone)).date(), count)
    start, end = midnight(firsts[0], zone), midnight(following(firsts[-1]), zone)
    known = catalog.all_meters(session)
    figures = metering.list_monthly_usage(session, org_id, firsts[0], firsts[-1])
    costs = _costs(queries.periods(session, org_id, start, end), zone)
    changes = queries.terms(session, org_id)
    found = [
        HistoryMonth(
            month=first,
            meters=totals((each for each in figures if each.day == first), known),
            usage_cost=[Amount(currency, amount) for currency, amount in costs.get(first, {}).items()],
            plan=_plan_at(changes, min(midnight(following(first), zone), now)),
            plan_changed=_changed(changes, midnight(first, zone), min(midnight(following(first), zone), now)),
        )
        for first in firsts
    ]
    return History(found, known)


def totals(figures: Iterable[metering.UsageFigure | metering.Lifetime], known: Mapping[int, Meter]) -> list[MeterTotal]:
    """One line a meter."""
    return [
        MeterTotal(known[e.meter_id].key, known[e.meter_id].name, known[e.meter_id].unit, _used(e), e.events)
        for e in figures
    ]


def months_to(today: date, count: int) -> list[date]:
    """The first days of the last `count` months up to the one that holds `today`, oldest first."""
    last = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(last - count + 1, last + 1)]


def following(first: date) -> date:
    """The first day of the month after."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def cost_of(row: Line) -> int:
    """What a period's use of a meter costs by its terms, in minor units."""
    terms: UsageTerms = terms_of(row, row.currency)
    if terms.charge is None or terms.policy == "warn":
        return 0
    return price(terms.charge, row.used - row.unbilled, terms.allowance).rounded


def _used(figure: metering.UsageFigure | metering.Lifetime) -> Decimal:
    return figure.used if isinstance(figure, metering.Lifetime) else figure.quantity


def _costs(rows: Sequence[Line], zone: str) -> dict[date, dict[str, int]]:
    """By month and currency; currencies are never added to one another."""
    found: dict[date, dict[str, int]] = {}
    for row in rows:
        month = row.starts_at.astimezone(ZoneInfo(zone)).date().replace(day=1)
        amounts = found.setdefault(month, {})
        amounts[row.currency] = amounts.get(row.currency, 0) + (cost_of(row) if row.key else 0)
    return found


def _plan_at(changes: Sequence[Line], at: datetime) -> str | None:
    """The plan just before an instant."""
    before = [each.key for each in changes if each.starts_at < at]
    return before[-1] if before else None


def _changed(changes: Sequence[Line], start: datetime, end: datetime) -> bool:
    """Whether the plan became another one within [start, end); a new version of the same plan is no change."""
    held = _plan_at(changes, start)
    within = [each.key for each in changes if start <= each.starts_at < end]
    return any(key != held for key in within) if held is not None else len(set(within)) > 1
