"""Builds the staff overview: usage by day, health of the installation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from app.admin.usage.columns import USAGE, list_starts
from app.admin.usage.requests import UsageFilter, usage_path
from app.kit.money import ZERO
from app.metering.rollups.total_parts import UsagePart
from app.statements import wording
from app.web import charts
from app.web.addresses import path_to
from app.web.filters import clock, quantity

_MOST_NAMED = 5
_LAG_LATE = timedelta(minutes=5)
_QUEUE_LATE = timedelta(minutes=5)
_SCHEDULER_LATE = timedelta(minutes=2)


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
class MeterLine:
    """A meter's last 30 days beside those before, and its days as a sparkline."""

    name: str
    href: str
    total: str
    before: str
    spark: charts.Sparkline


@dataclass(frozen=True)
class OverviewView:
    """What templates/admin/overview.html shows; `meters` are those with usage in the last 60 days."""

    meters: Sequence[MeterLine]
    usage_href: str
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


def build_overview(
    days: UsageFilter, usage: Sequence[UsagePart], *, counts: Row[Any], now: datetime, wall: datetime
) -> OverviewView:
    """Build the page; `usage` is that of every meter over the days and those before."""
    meters = {row.meter: [each for each in usage if each.meter == row.meter] for row in usage}
    return OverviewView(
        meters=[_build_line(rows, days) for rows in meters.values()],
        usage_href=path_to(USAGE),
        counts=counts,
        parts=list_parts(counts, now, wall),
        as_of=now,
    )


def _build_line(rows: Sequence[UsagePart], days: UsageFilter) -> MeterLine:
    key, name = rows[0].meter, rows[0].meter_name
    sums = {(row.before, row.starts_on): max(row.quantity or ZERO, ZERO) for row in rows}
    total, before = (quantity(sums.get((side, None), ZERO)) for side in (False, True))
    values = [sums.get((False, start), ZERO) for start in list_starts(days.first, days.last, "day")]
    spark = charts.draw_sparkline(values, f"{name} by day: {total} in 30 days")
    return MeterLine(name, usage_path(USAGE, key, days), total, before, spark)


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
