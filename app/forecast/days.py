"""The whole days before today, how the days of a week differ, and the days that are left of a period. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from app.kit.periods import midnight

LEAST_DAYS = 7
"""Whole days since the first use below which there is no range: only the pace of the period so far."""
WEEKDAY_DAYS = 14
"""Whole days from which weekdays are told apart: each has come at least twice."""
MOST_DAYS = 56
"""Days before that say little about today."""
ROOM = Context(prec=60)
"""What everything here is calculated in: every counter fits, with places to spare."""

_DAY, _MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
_ZERO, _ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True)
class DailyUsage:
    """What was used on whole days, one after the other; the first of them has use.

    None: a limit held the day's use down, so what it would have been is not known.
    """

    first: date
    amounts: tuple[Decimal | None, ...]

    @classmethod
    def before(cls, today: date, used: Mapping[date, Decimal], held: Container[date] = ()) -> DailyUsage:
        """The days from the first use, at most eight weeks back, to yesterday. Days without an entry had no use."""
        began = [day for day, amount in used.items() if today - MOST_DAYS * _DAY <= day < today and amount > 0]
        first = min(began, default=today)
        days = [first + i * _DAY for i in range((today - first).days)]
        return cls(first, tuple(None if day in held else max(used.get(day, _ZERO), _ZERO) for day in days))

    @cached_property
    def known(self) -> Sequence[tuple[int, Decimal]]:
        """The days whose use is known: weekday, Monday is 0, and amount."""
        start = self.first.weekday()
        return [((start + i) % 7, amount) for i, amount in enumerate(self.amounts) if amount is not None]

    def until(self, count: int) -> DailyUsage:
        """Only the first `count` days."""
        return DailyUsage(self.first, self.amounts[:count])


def weigh_weekdays(days: DailyUsage) -> Sequence[Decimal]:
    """How much of an average day each weekday has, Monday first; all 1 with less than two weeks of days.

    A weekday's mean counts as often as it came, the average day once: a single free Friday does not empty all Fridays.
    Worked example: two weeks of 10 on weekdays and none at the weekend: (2 x 1.4 + 1) / 3 = 1.27 and 1/3.
    """
    known = days.known
    total = sum((amount for _, amount in known), _ZERO)
    if len(known) < WEEKDAY_DAYS or not total:
        return [_ONE] * 7
    mean = ROOM.divide(total, Decimal(len(known)))
    sums, counts = [_ZERO] * 7, [0] * 7
    for weekday, amount in known:
        sums[weekday] += amount
        counts[weekday] += 1
    return [ROOM.divide(ROOM.divide(sums[i], mean) + 1, Decimal(counts[i] + 1)) for i in range(7)]


@dataclass(frozen=True, slots=True)
class RemainingDay:
    """A local day, or the part of it that is left: [start, end). `share` is how much of the day that is."""

    start: datetime
    end: datetime
    weekday: int
    share: Decimal


@lru_cache(maxsize=64)
def list_remaining_days(start: datetime, end: datetime, zone: str) -> Sequence[RemainingDay]:
    """Cut [start, end) into local days. A day over a clock change is a whole day, whatever its hours.

    Kept, since all meters of an organisation have the same.
    """
    day, days = start.astimezone(ZoneInfo(zone)).date(), []
    at, opens = start, midnight(day, zone)
    while at < end:
        closes = midnight(day + _DAY, zone)
        until = min(closes, end)
        if until > at:
            share = ROOM.divide(Decimal((until - at) // _MICROSECOND), Decimal((closes - opens) // _MICROSECOND))
            days.append(RemainingDay(at, until, day.weekday(), share))
            at = until
        day, opens = day + _DAY, closes
    return tuple(days)
