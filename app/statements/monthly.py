"""The months of an organisation, or of one of its users: usage with all its parts, cost and plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.catalog.models import ADDITIVE, Meter
from app.kit.money import ZERO
from app.metering.rollups import months
from app.metering.rollups.months import MonthPart
from app.rating import split
from app.statements.history import Amount, MeterTotal, MonthFrame, list_month_frames
from app.statements.history import list_months as list_firsts


class PartTotal(msgspec.Struct):
    """Usage by one value; null for all values but the 20 with the most events. `free` comes on top of `used`."""

    value: str | None
    used: Decimal | None
    events: int
    free: Decimal
    free_events: int


class MeterMonth(msgspec.Struct):
    """Usage of a meter in a month. `free` comes on top of `used`: work that is never billed, such as free retries.

    `billed` is what of `used` was not imported; null for maxima and distinct values. `originals`, `retries`, `reruns`
    and `free_retries` are numbers of events.
    """

    meter: str
    name: str
    unit: str
    used: Decimal
    billed: Decimal | None
    free: Decimal
    events: int
    originals: int
    retries: int
    reruns: int
    free_retries: int
    by_kind: list[PartTotal]
    by_provider: list[PartTotal]
    by_format: list[PartTotal]


class SummaryMonth(msgspec.Struct):
    """A calendar month in the organisation's time zone.

    `usage_cost` covers the usage periods that began in the month; it is an estimate while one of them is open. A user's
    is the share of each meter's by what was billed in the month. `plan` is the plan at the month's end (or now);
    `plan_changed` says that a different plan applied earlier in the month.
    """

    month: date
    meters: list[MeterMonth]
    usage_cost: list[Amount]
    plan: str | None
    plan_changed: bool


@dataclass(frozen=True)
class Monthly:
    """Months, oldest first, all meters by id, and the totals of months: of a user all of them, not only of these."""

    months: list[SummaryMonth]
    meters: Mapping[int, Meter]
    totals: Sequence[MonthPart]


def get_months(session: Session, org_id: UUID, subject_id: UUID | None, now: datetime, zone: str) -> Monthly:
    """Read the last twelve calendar months of an organisation, or of one user, including the current one.

    Four queries, and one more where a plan was changed in mid-period.
    """
    firsts = list_firsts(now.astimezone(ZoneInfo(zone)).date(), 12)
    meters = catalog.get_meters_by_id(session)
    frames = list_month_frames(session, org_id, now, zone, firsts)
    parts = months.list_month_parts(session, org_id, subject_id, firsts[0], firsts[-1])
    cost = _whole_cost if subject_id is None else _Share(parts, meters)
    by_month: dict[date, list[MonthPart]] = {}
    for part in parts:
        by_month.setdefault(part.month, []).append(part)
    totals = [part for part in parts if part.dimension == ""]
    return Monthly([_month(frame, by_month.get(frame.month, []), meters, cost) for frame in frames], meters, totals)


def build_lifetime(totals: Iterable[MonthPart], meters: Mapping[int, Meter]) -> list[MeterTotal]:
    """A user's totals over all months: sums, and the greatest of maxima. Distinct values of months do not add up."""
    found: dict[int, list[MonthPart]] = {}
    for total in totals:
        if meters[total.meter_id].aggregation != "unique":
            found.setdefault(total.meter_id, []).append(total)
    return [_lifetime(meters[meter_id], rows) for meter_id, rows in sorted(found.items())]


def _lifetime(meter: Meter, rows: Sequence[MonthPart]) -> MeterTotal:
    quantities = [row.quantity or ZERO for row in rows]
    used = max(quantities) if meter.aggregation == "max" else sum(quantities, ZERO)
    return MeterTotal(meter.key, meter.name, meter.unit, used, sum(row.events for row in rows))


def _month(frame: MonthFrame, parts: Sequence[MonthPart], meters: Mapping[int, Meter], cost: Any) -> SummaryMonth:
    by_meter: dict[int, list[MonthPart]] = {}
    for part in parts:
        by_meter.setdefault(part.meter_id, []).append(part)
    return SummaryMonth(
        month=frame.month,
        meters=[_meter(meters[part.meter_id], part, by_meter[part.meter_id]) for part in parts if part.dimension == ""],
        usage_cost=[Amount(currency, cost(frame.month, amounts)) for currency, amounts in frame.costs.items()],
        plan=frame.plan,
        plan_changed=frame.plan_changed,
    )


def _meter(meter: Meter, total: MonthPart, parts: Sequence[MonthPart]) -> MeterMonth:
    used = total.quantity or ZERO
    attempts = {part.value: part for part in parts if part.dimension == "attempt"}
    retry, rerun = attempts.get("retry"), attempts.get("rerun")
    others = sum(part.events + (part.free_events or 0) for part in attempts.values())
    return MeterMonth(
        meter=meter.key,
        name=meter.name,
        unit=meter.unit,
        used=used,
        billed=used - (total.unbilled or ZERO) if meter.aggregation in ADDITIVE else None,
        free=total.free or ZERO,
        events=total.events,
        originals=total.events + (total.free_events or 0) - others,
        retries=retry.events if retry else 0,
        reruns=rerun.events if rerun else 0,
        free_retries=(retry.free_events or 0) if retry else 0,
        by_kind=_parts(parts, "kind"),
        by_provider=_parts(parts, "provider"),
        by_format=_parts(parts, "format"),
    )


def _parts(parts: Sequence[MonthPart], dimension: str) -> list[PartTotal]:
    return [
        PartTotal(part.value, part.quantity, part.events, part.free or ZERO, part.free_events or 0)
        for part in parts
        if part.dimension == dimension
    ]


def _whole_cost(_month: date, amounts: Mapping[int | None, int]) -> int:
    return sum(amounts.values())


class _Share:
    """A user's share of a month's cost: of each meter's, by what was billed of sums and counts in the month."""

    def __init__(self, parts: Iterable[MonthPart], meters: Mapping[int, Meter]) -> None:
        self._billed = {
            (row.dimension, row.month, row.meter_id): (row.quantity or ZERO) - (row.unbilled or ZERO)
            for row in parts
            if row.dimension in {"", "org"} and meters[row.meter_id].aggregation in ADDITIVE
        }

    def __call__(self, month: date, amounts: Mapping[int | None, int]) -> int:
        return sum(self._share(month, meter_id, amount) for meter_id, amount in amounts.items() if meter_id is not None)

    def _share(self, month: date, meter_id: int, amount: int) -> int:
        mine, whole = (self._billed.get((dimension, month, meter_id), ZERO) for dimension in ("", "org"))
        return split(amount, [mine, whole - mine])[0] if 0 < mine <= whole else 0
