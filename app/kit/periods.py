"""Periods: half-open time spans aligned to the calendar of an org's time zone, without drift and correct over DST.

A series of periods is defined by its anchor: boundary n lies n intervals after the anchor's local date and time,
clamped to the end of the month. Every boundary is computed from the anchor, never from its neighbour, so 31 January is
followed by 28 February and then 31 March. Boundaries grow with n, so periods neither overlap nor leave gaps.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)
MONTH = 1
YEAR = 12


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """[start, end): includes its start, excludes its end. Both are UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("a period needs aware datetimes")
        if self.start >= self.end:
            raise ValueError("a period must end after it starts")

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @property
    def seconds(self) -> int:
        """Length in whole seconds, the unit of proration."""
        return (self.end - self.start) // _SECOND


def boundary(anchor: datetime, n: int, zone: str, months: int = MONTH) -> datetime:
    """The n-th boundary of the series, in UTC; 0 is the anchor itself, negative n lie before it.

    A local time that DST skips moves to the same distance after the gap; an ambiguous one is the first of the two.
    """
    if anchor.utcoffset() is None:
        raise ValueError("an anchor must be an aware datetime")
    if n == 0:
        return anchor.astimezone(UTC)
    local = anchor.astimezone(ZoneInfo(zone))
    years, month = divmod(local.month - 1 + n * months, 12)
    year = local.year + years
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)


def anchored(anchor: datetime, at: datetime, zone: str, months: int = MONTH) -> Period:
    """The period of the anchor's series that contains `at`; `months` is MONTH or YEAR."""
    local, base = at.astimezone(ZoneInfo(zone)), anchor.astimezone(ZoneInfo(zone))
    n = ((local.year - base.year) * 12 + local.month - base.month) // months
    while boundary(anchor, n, zone, months) > at:
        n -= 1
    while boundary(anchor, n + 1, zone, months) <= at:
        n += 1
    return Period(boundary(anchor, n, zone, months), boundary(anchor, n + 1, zone, months))


def share_of_month(period: Period, zone: str) -> Fraction:
    """How much of a month's seconds a usage period has: 1 unless it was cut short, at either end.

    The month is counted from the period's start, by UTC or the org's zone, whichever is shorter: Stripe's boundaries
    are instants, and a month over a clock change is whole.
    """
    whole = min(boundary(period.start, 1, zone), boundary(period.start, 1, "UTC")) - period.start
    return Fraction(min(period.end - period.start, whole) // _SECOND, whole // _SECOND)


def month_of(at: datetime, zone: str) -> Period:
    """The calendar month that contains `at` in the zone, from local midnight on the first to the next."""
    first = at.astimezone(ZoneInfo(zone)).date().replace(day=1)
    # A clock set back over midnight returns to the previous date, whose month has already ended.
    while midnight(_next_month(first), zone) <= at:
        first = _next_month(first)
    return Period(midnight(first, zone), midnight(_next_month(first), zone))


def midnight(day: date, zone: str) -> datetime:
    """The start of a local date, in UTC; the first of two where midnight occurs twice (Havana)."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
