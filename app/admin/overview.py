"""Builds the staff overview: usage by day, top organisations, health of the installation. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.catalog.models import Meter
from app.kit.money import ZERO
from app.metering.rollups.reports import DayTotal, TopOrg
from app.statements import wording
from app.web import charts
from app.web.addresses import path_to
from app.web.filters import clock, quantity

PRESETS = {"7d": ("7 days", 7), "30d": ("30 days", 30), "90d": ("90 days", 90), "12m": ("12 months", 366)}
MOST_DAYS = 400
_DAY = timedelta(days=1)
_MOST_NAMED = 5
_LAG_LATE = timedelta(minutes=5)
_QUEUE_LATE = timedelta(minutes=5)
_SCHEDULER_LATE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Days:
    """A range of UTC days, inclusive; `preset` is a preset's name or ""."""

    start: date
    end: date
    preset: str


@dataclass(frozen=True, slots=True)
class Part:
    """A component of the installation; `state` is ok or late."""

    name: str
    state: str
    words: str

    @property
    def badge(self) -> tuple[str, str, str]:
        """Label, tone and icon of the state."""
        return ("Fine", "good", "check") if self.state == "ok" else ("Needs attention", "high", "alert")


@dataclass(frozen=True, slots=True)
class NamedShare:
    """A row of a breakdown; `quantity` is None where it is not known: of values that do not add up."""

    name: str
    events: int
    quantity: Decimal | None


@dataclass(frozen=True)
class OverviewView:
    """What templates/admin/overview.html shows; all totals are of `meter` over the days."""

    days: Days
    presets: Sequence[tuple[str, str, bool]]
    meters: Sequence[tuple[str, str, bool]]
    hidden: Mapping[str, str]
    meter: Meter
    unit: str
    total: Decimal
    total_unit: str
    total_events: int
    chart: charts.Chart
    description: str
    breakdowns: Sequence[tuple[str, Sequence[NamedShare]]]
    top: Sequence[TopOrg]
    counts: Row[Any]
    parts: Sequence[Part]
    as_of: datetime

    @property
    def events_note(self) -> str:
        """How recent today's event count is: the time of the latest roll-up, with its day if that was not today."""
        rolled_up = self.counts.folded_at
        if rolled_up is None:
            return "not rolled up yet"
        same_day = rolled_up.astimezone(UTC).date() == self.as_of.astimezone(UTC).date()
        return f"as of {clock(rolled_up) if same_day else wording.format_deadline(rolled_up, 'UTC')}"


def parse_days(args: Mapping[str, str], today: date) -> Days:
    """Parse the query string; invalid values fall back to the last 30 days."""
    try:
        start, end = date.fromisoformat(args["from"]), date.fromisoformat(args["to"])
    except (KeyError, ValueError):
        preset = args.get("days", "") if args.get("days") in PRESETS else "30d"
        return Days(today - (PRESETS[preset][1] - 1) * _DAY, today, preset)
    start, end = min(start, end), min(max(start, end), today + _DAY)
    return Days(start if (end - start).days < MOST_DAYS else end - (MOST_DAYS - 1) * _DAY, end, "")


def build_overview(
    days: Days, meter: Meter, meters: Sequence[Meter], *, by_day: Sequence[DayTotal], shares: Sequence[Row[Any]],
    top: Sequence[TopOrg], counts: Row[Any], now: datetime, wall: datetime,
) -> OverviewView:  # fmt: skip
    """Build the page."""
    unit = wording.pluralise(meter.unit)
    all_usage = next((row for row in shares if row.dimension == ""), None)
    total = all_usage.quantity if all_usage else ZERO
    total_unit = wording.unit_for(total, meter.unit)
    return OverviewView(
        days=days,
        presets=[(words, _address(meter, {"days": key}), key == days.preset) for key, (words, _) in PRESETS.items()],
        meters=[(option.name, _address(option, _days_query(days)), option.id == meter.id) for option in meters],
        hidden={"meter": meter.key},
        meter=meter,
        unit=unit,
        total=total,
        total_unit=total_unit,
        total_events=all_usage.events if all_usage else 0,
        chart=_chart(days, [figure for figure in by_day if figure.meter_id == meter.id], unit),
        description=f"{meter.name}, all organisations, {days.start} to {days.end}: {quantity(total)} {total_unit}.",
        breakdowns=[
            (f"By {name}", [_share(row) for row in shares if row.dimension == name])
            for name in ("plan", "kind", "provider")
        ],
        top=top,
        counts=counts,
        parts=list_parts(counts, now, wall),
        as_of=now,
    )


def _share(row: Row[Any]) -> NamedShare:
    names = {"others": f"{row.value} {'other' if row.value == '1' else 'others'}", "not given": f"No {row.dimension}"}
    return NamedShare(names.get(row.part, row.value), row.events, row.quantity)


def list_parts(counts: Row[Any], now: datetime, wall: datetime) -> list[Part]:
    """State of the queue, the roll-ups and the database."""
    waited = wall - counts.oldest if counts.oldest else timedelta(0)
    queue = f"{counts.waiting} waiting, {counts.parked} parked"
    lag = now - counts.folded_at if counts.folded_at else None
    folded = "not rolled up yet" if lag is None else f"{_span(lag)} behind"
    size = f"PostgreSQL {counts.server.split()[0]}, {counts.bytes // 10**6} MB, {counts.connections} connections"
    return [
        _describe_scheduler(counts, wall),
        Part("Queue", "late" if counts.parked or waited > _QUEUE_LATE else "ok", queue),
        Part("Roll-ups", "late" if lag is None or lag > _LAG_LATE else "ok", folded),
        Part("Subscriptions", "late" if counts.charged_twice else "ok", _describe_seconds(counts.charged_twice or ())),
        Part("Rehearsal", "late" if counts.rehearsal_alarms else "ok", _describe_alarms(counts.rehearsal_alarms)),
        Part("Database", "ok", size),
    ]


def _describe_scheduler(counts: Row[Any], wall: datetime) -> Part:
    """The scheduler queues periodic tasks every ten seconds, and a worker says as often that it is alive."""
    beats = [beat for beat in (counts.worker_at, counts.scheduler_at) if beat is not None]
    if len(beats) < 2:
        return Part("Scheduler", "late", "no worker has started yet")
    silent = wall - min(beats)
    return Part("Scheduler", "late" if silent > _SCHEDULER_LATE else "ok", f"last heartbeat {_span(silent)} ago")


def _describe_alarms(alarms: int) -> str:
    """Whether the nightly rehearsals of closes came to what pages estimate."""
    return f"{alarms} failed or not as estimated: see billing runs" if alarms else "every close as estimated"


def _describe_seconds(names: Sequence[str]) -> str:
    """Which organisations are charged for two subscriptions."""
    if not names:
        return "no organisation is charged for two"
    named, more = ", ".join(names[:_MOST_NAMED]), len(names) - _MOST_NAMED
    return f"charged for two: {named}" + (f" and {more} more" if more > 0 else "")


def _span(lag: timedelta) -> str:
    seconds = max(0, int(lag.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _chart(days: Days, figures: Sequence[DayTotal], unit: str) -> charts.Chart:
    known = {figure.day: figure.quantity for figure in figures}
    every = [days.start + number * _DAY for number in range((days.end - days.start).days + 1)]
    values = [max(known.get(day, ZERO), ZERO) for day in every]
    return charts.bars([f"{day.day} {day:%b}" for day in every], [charts.Series(unit, values)])


def _days_query(days: Days) -> dict[str, str]:
    return {"days": days.preset} if days.preset else {"from": days.start.isoformat(), "to": days.end.isoformat()}


def _address(meter: Meter, query: Mapping[str, str]) -> str:
    return path_to("admin.index", meter=meter.key, **query)
