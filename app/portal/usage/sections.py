"""Builds the usage page's further sections: hours by weekday, endpoints, file sizes, team. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.metering.breakdowns import label_or_erased
from app.metering.rollups.histograms import SIZE_BOUNDS, find_percentile, unpack
from app.metering.rollups.overview import OverviewPart, OverviewRow
from app.portal.shell.measures import ResponseRow, build_response_row, describe_size, draw_file_sizes
from app.portal.usage.naming import name_part
from app.portal.usage.reads import MeterRef
from app.portal.usage.requests import UsageQuery
from app.statements import wording
from app.web import charts
from app.web.filters import quantity

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS = tuple(f"{hour:02}" for hour in range(24))


@dataclass(frozen=True)
class TeamRow:
    """What a user used of each meter; None where nothing."""

    label: str
    href: str | None
    amounts: Sequence[Decimal | None]


@dataclass(frozen=True)
class TeamTable:
    """The users with the most events, the others and events without a user: they sum to `totals`."""

    meters: Sequence[str]
    rows: Sequence[TeamRow]
    totals: Sequence[Decimal]


@dataclass(frozen=True)
class UsageSections:
    """Each is None or empty where there is nothing to show."""

    heat: charts.HeatMap | None = None
    endpoints: Sequence[ResponseRow] = ()
    sizes: charts.ColumnChart | None = None
    sizes_words: str = ""
    team: TeamTable | None = None


def build_sections(
    query: UsageQuery, meter: MeterRef, meters: Sequence[MeterRef], rows: Sequence[OverviewRow]
) -> UsageSections:
    """Build the sections that have data; none while the page is filtered, for they are of all events."""
    if query.filters:
        return UsageSections()
    measured = next(iter(_of(rows, "measured")), None)
    sizes = measured.sizes if measured else None
    return UsageSections(
        heat=_heat(meter, _of(rows, "hour")),
        endpoints=_endpoints(query, meter, _of(rows, "endpoint"), measured),
        sizes=draw_file_sizes(sizes),
        sizes_words=_describe_sizes(sizes),
        team=_team(query, meters, _of(rows, "user"), _of(rows, "used")),
    )


def _of(rows: Sequence[OverviewRow], part: OverviewPart) -> list[OverviewRow]:
    return [row for row in rows if row.part == part]


def _heat(meter: MeterRef, rows: Sequence[OverviewRow]) -> charts.HeatMap | None:
    """Only of meters that add up: the sums of its rows would be of no maximum."""
    if not rows or not meter.adds_up:
        return None
    found = {(row.n, row.value): row.quantity or ZERO for row in rows}
    lines = [
        (name, [found.get((number, hour), ZERO) for hour in _HOURS]) for number, name in enumerate(_WEEKDAYS, start=1)
    ]
    return charts.draw_heat_map(lines, _HOURS, wording.pluralise(meter.unit))


def _endpoints(
    query: UsageQuery, meter: MeterRef, rows: Sequence[OverviewRow], whole: OverviewRow | None
) -> list[ResponseRow]:
    """Endpoints, others, and what names none; nothing where no status and no response time was sent."""
    if whole is None or not (whole.responses or whole.latency):
        return []
    found = [
        build_response_row(
            name_part("endpoint", "value" if row.value is not None else "others", row.value or "", row.n),
            int(row.events or 0), row.quantity, row.responses, row.latency,
            href=None if row.value is None else query.filtered(row.value, "endpoint"),
        )
        for row in sorted(rows, key=lambda row: row.value is None)
    ]  # fmt: skip
    rest = int(whole.events or 0) - sum(int(row.events or 0) for row in rows)
    if not rest:
        return found
    amount = (whole.quantity or ZERO) - sum((row.quantity or ZERO for row in rows), ZERO) if meter.adds_up else None
    return [
        *found,
        build_response_row(
            name_part("endpoint", "not given", "", 0), rest, amount,
            _less(whole.responses, [row.responses for row in rows]),
            _less(whole.latency, [row.latency for row in rows]),
            href=query.filtered(None, "endpoint") if meter.adds_up else None,
        ),
    ]  # fmt: skip


def _less(whole: Decimal | None, parts: Sequence[Decimal | None]) -> Decimal:
    """The difference of packed histograms, which have more digits than decimals are calculated with."""
    return Decimal(int(whole or 0) - sum(int(part or 0) for part in parts))


def _describe_sizes(packed: Decimal | None) -> str:
    counts = unpack(packed, len(SIZE_BOUNDS) + 1)
    half, most = (find_percentile(counts, SIZE_BOUNDS, percent) for percent in (50, 95))
    files = f"{quantity(sum(counts))} {'file' if sum(counts) == 1 else 'files'}"
    if half is None:
        return f"{files}, half of them over {describe_size(SIZE_BOUNDS[-1])}."
    within = f"95 in 100 up to {describe_size(most)}" if most else f"some over {describe_size(SIZE_BOUNDS[-1])}"
    return f"{files}: half of them up to {describe_size(half)}, {within}."


def _team(
    query: UsageQuery, meters: Sequence[MeterRef], users: Sequence[OverviewRow], used: Sequence[OverviewRow]
) -> TeamTable | None:
    totals = {row.meter_id: row.quantity or ZERO for row in used}
    shown = [meter for meter in meters if meter.id in totals]
    if not users or not shown:
        return None
    amounts: dict[str | None, dict[int | None, Decimal]] = {}
    labels: dict[str | None, str] = {}
    for row in users:
        amounts.setdefault(row.value, {})[row.meter_id] = row.quantity or ZERO
        labels[row.value] = (
            name_part("user", "others", "", row.n) if row.value is None else label_or_erased(row.label, "user")
        )
    lines = [
        TeamRow(
            labels[user],
            None if user is None else query.filtered(user, "user"),
            [amounts[user].get(meter.id) for meter in shown],
        )
        for user in sorted(amounts, key=lambda user: user is None)
    ]
    rest = [totals[each.id] - sum((found.get(each.id, ZERO) for found in amounts.values()), ZERO) for each in shown]
    if any(rest):
        lines.append(TeamRow(name_part("user", "not given", "", 0), query.filtered(None, "user"), rest))
    names = [f"{meter.name} ({wording.pluralise(meter.unit)})" for meter in shown]
    return TeamTable(names, lines, [totals[meter.id] for meter in shown])
