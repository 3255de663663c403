"""A meter's figures on the usage page: by day and value, before, and in total; out of roll-ups or of events. Pure.

Parts sum to the whole of each day, and shares to the total, where the meter adds up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.kit.money import ZERO
from app.metering.breakdowns import Part, Share, label_or_erased
from app.metering.events.filtered import Filtered, FilteredDay
from app.metering.rollups.columns import ColumnFigure, ColumnOf

TOP = 5
MOST_SHARES = 200
Amount = tuple[Decimal, int]
"""Quantity and events."""


@dataclass(frozen=True)
class DayPart:
    """Use by day of one value, of the `values` others, or of events that name none."""

    part: Part
    value: str
    label: str
    values: int
    days: Mapping[date, Decimal]


@dataclass(frozen=True)
class MeterUsage:
    """A meter's figures. Without `parts` days are not divided; without `before` there is nothing to compare with.

    `too_many`: there are more events than are read for filters, so `shares` are missing.
    """

    whole: Mapping[date, Amount]
    total: Amount
    before: Mapping[date, Decimal] | None = None
    parts: Sequence[DayPart] = ()
    shares: Sequence[Share] = ()
    too_many: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


def list_top(shares: Sequence[Share]) -> list[str]:
    """The largest values, which have a part of their own."""
    return [share.value for share in shares if share.part == "value"][:TOP]


def build_parts(shares: Sequence[Share], columns: Sequence[ColumnFigure]) -> list[DayPart]:
    """Divide each day by the largest values; the others, and what names none, share a part each."""
    top = list_top(shares)
    days: dict[str, dict[date, Decimal]] = {value: {} for value in top}
    others: dict[date, Decimal] = {}
    rest: dict[date, Decimal] = defaultdict(Decimal)
    for row in (row for row in columns if not row.earlier):
        if row.part == "whole":
            rest[row.day] += row.quantity
            continue
        rest[row.day] -= row.quantity
        (days[row.value] if row.part == "value" else others)[row.day] = row.quantity
    labels = {share.value: share.label for share in shares if share.part == "value"}
    parts = [DayPart("value", value, labels[value], 1, days[value]) for value in top]
    beyond = sum(share.values for share in shares if share.part != "not given") - len(top)
    if beyond:
        parts.append(DayPart("others", "", "", beyond, others))
    if any(share.part == "not given" for share in shares):
        parts.append(DayPart("not given", "", "", 0, rest))
    return parts


def sum_days(columns: Iterable[ColumnFigure]) -> dict[date, Amount]:
    """The whole of each day."""
    return {row.day: (row.quantity, row.events) for row in columns if row.part == "whole" and not row.earlier}


def sum_before(columns: Iterable[ColumnFigure]) -> dict[date, Decimal]:
    """The whole of each day before."""
    return {row.day: row.quantity for row in columns if row.part == "whole" and row.earlier}


def pick_value(columns: Sequence[ColumnFigure], value: str | None) -> list[ColumnFigure]:
    """The columns of one value, or of what names none, as the whole of each day."""
    if value is not None:
        found = [row for row in columns if row.part == "value"]
        return [ColumnFigure(row.earlier, "whole", row.day, "", row.quantity, row.events) for row in found]
    rest: dict[tuple[bool, date], Amount] = {}
    for row in columns:
        sign = 1 if row.part == "whole" else -1
        quantity, events = rest.get((row.earlier, row.day), (ZERO, 0))
        rest[row.earlier, row.day] = quantity + sign * row.quantity, events + sign * row.events
    return [
        ColumnFigure(earlier, "whole", day, "", quantity, events)
        for (earlier, day), (quantity, events) in rest.items()
        if events
    ]


def build_filtered(found: Filtered, meter_id: int, dimension: str, first: date, *, compared: bool) -> MeterUsage:
    """Build the figures from what events said; `dimension` '' has no parts."""
    now = [row for row in found.days if row.day >= first]
    shares = _share(now, meter_id, dimension) if dimension else []
    whole: dict[date, Amount] = {}
    before: dict[date, Decimal] = defaultdict(Decimal)
    columns: list[ColumnFigure] = []
    top = set(list_top(shares))
    for row in found.days:
        if row.day < first:
            before[row.day] += row.quantity
            continue
        quantity, events = whole.get(row.day, (ZERO, 0))
        whole[row.day] = quantity + row.quantity, events + row.events
        if row.value in top:
            columns.append(ColumnFigure(False, "value", row.day, row.value or "", row.quantity, row.events))
        elif row.value is not None:
            columns.append(ColumnFigure(False, "others", row.day, "", row.quantity, row.events))
    columns += [ColumnFigure(False, "whole", day, "", *amount) for day, amount in whole.items()]
    total = sum((amount for amount, _ in whole.values()), ZERO), sum(events for _, events in whole.values())
    return MeterUsage(
        whole=whole,
        total=total,
        before=before if compared else None,
        parts=build_parts(shares, _merge(columns)),
        shares=shares,
    )


def _merge(columns: Iterable[ColumnFigure]) -> list[ColumnFigure]:
    """One row for all other values of a day."""
    merged: dict[tuple[ColumnOf, date, str], Amount] = {}
    for row in columns:
        quantity, events = merged.get((row.part, row.day, row.value), (ZERO, 0))
        merged[row.part, row.day, row.value] = quantity + row.quantity, events + row.events
    return [ColumnFigure(False, part, day, value, *amount) for (part, day, value), amount in merged.items()]


def _share(rows: Iterable[FilteredDay], meter_id: int, dimension: str) -> list[Share]:
    """Add up by value, largest first, then the others, then what names none."""
    sums: dict[str | None, Amount] = {}
    labels: dict[str | None, str] = {}
    for row in rows:
        quantity, events = sums.get(row.value, (ZERO, 0))
        sums[row.value] = quantity + row.quantity, events + row.events
        labels[row.value] = label_or_erased(row.label, dimension)
    given = [(value, quantity, events) for value, (quantity, events) in sums.items() if value is not None]
    given.sort(key=lambda each: (-each[1], each[0]))
    shares = [
        Share(meter_id, "value", value, labels[value], quantity, events, 1)
        for value, quantity, events in given[:MOST_SHARES]
    ]
    rest = given[MOST_SHARES:]
    if rest:
        amount = sum((each[1] for each in rest), ZERO), sum(each[2] for each in rest)
        shares.append(Share(meter_id, "others", "", "", *amount, len(rest)))
    if None in sums:
        shares.append(Share(meter_id, "not given", "", "", *sums[None], 0))
    return shares
