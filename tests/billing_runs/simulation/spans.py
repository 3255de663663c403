"""Usage periods by the calendar alone: local months, cut where an org restarts. Imports nothing of the product."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

_STEP = timedelta(minutes=15)
"""Every zone of today changes its clocks at quarters of an hour."""
_WIDEST = timedelta(hours=15)

Span = tuple[datetime, datetime]


def month_start(day: date, zone: str) -> datetime:
    """The first instant at which the zone's calendar says `day`, found by walking over it."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - _WIDEST
    while at.astimezone(ZoneInfo(zone)).date() < day:
        at += _STEP
    return at


def next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def months(first: datetime, until: datetime, zone: str) -> list[datetime]:
    """The starts of local months: that of the one which holds `first`, and all up to the first after `until`."""
    day = (first.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)).replace(day=1)
    while month_start(day, zone) > first:
        day = (day - timedelta(days=1)).replace(day=1)
    while month_start(next_month(day), zone) <= first:
        day = next_month(day)
    starts = [month_start(day, zone)]
    while starts[-1] <= until:
        day = next_month(day)
        starts.append(month_start(day, zone))
    return starts


def tile(starts: list[datetime], cuts: list[datetime]) -> list[Span]:
    """The periods between the starts of months and the cuts."""
    return list(pairwise(sorted({*starts, *cuts})))


def month_share(span: Span, zone: str) -> Fraction:
    """What part of a month a period is: 1 unless it was cut short."""
    whole = min(_a_month_later(span[0], zone), _a_month_later(span[0], "UTC")) - span[0]
    seconds = (min(span[1] - span[0], whole) // timedelta(seconds=1), whole // timedelta(seconds=1))
    return Fraction(*seconds)


def _a_month_later(at: datetime, zone: str) -> datetime:
    local = at.astimezone(ZoneInfo(zone))
    day = next_month(local.date())
    last = (next_month(day) - timedelta(days=1)).day
    return local.replace(year=day.year, month=day.month, day=min(local.day, last), fold=0).astimezone(UTC)
