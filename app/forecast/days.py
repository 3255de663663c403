"""Whole days of usage, and how the days of a week differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal

LEAST_DAYS = 7
"""Whole days since the first use below which there is no range: only the pace of the period so far."""
WEEKDAY_DAYS = 14
"""Whole days from which weekdays are told apart: each has come at least twice."""
MOST_DAYS = 56
"""Days before that say little about today."""
ROOM = Context(prec=60)
"""What everything here is calculated in: every counter fits, with places to spare."""

_DAY = timedelta(days=1)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """What was used on whole days, one after the other; the first of them has use."""

    first: date
    amounts: tuple[Decimal, ...]

    @classmethod
    def before(cls, today: date, used: Mapping[date, Decimal]) -> DailyUsage:
        """The days from the first use, at most eight weeks back, to yesterday. Days without an entry had no use."""
        known = [day for day, amount in used.items() if today - MOST_DAYS * _DAY <= day < today and amount > 0]
        first = min(known, default=today)
        days = [first + i * _DAY for i in range((today - first).days)]
        return cls(first, tuple(max(used.get(day, Decimal(0)), Decimal(0)) for day in days))

    def until(self, count: int) -> DailyUsage:
        """Only the first `count` days."""
        return DailyUsage(self.first, self.amounts[:count])


def weigh_weekdays(days: DailyUsage) -> Sequence[Decimal]:
    """How much of an average day each weekday has, Monday first; all 1 with less than two weeks of days.

    A weekday's mean counts as often as it came, the average day once: a single free Friday does not empty all Fridays.
    Worked example: two weeks of 10 on weekdays and none at the weekend: (2 x 1.4 + 1) / 3 = 1.27 and 1/3.
    """
    total = sum(days.amounts)
    if len(days.amounts) < WEEKDAY_DAYS or not total:
        return [_ONE] * 7
    mean = ROOM.divide(total, Decimal(len(days.amounts)))
    sums, counts = [Decimal(0)] * 7, [0] * 7
    for i, amount in enumerate(days.amounts):
        weekday = (days.first.weekday() + i) % 7
        sums[weekday] += amount
        counts[weekday] += 1
    return [ROOM.divide(ROOM.divide(sums[i], mean) + 1, Decimal(counts[i] + 1)) for i in range(7)]
