"""How far off past forecasts would have been: each week forecast from the days before it. Pure."""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache

from app.forecast.days import LEAST_DAYS, ROOM, DailyUsage, weigh_weekdays
from app.forecast.level import find_level, find_spread

LEAST_WEEKS = 2
MOST_WEEKS = 6
_WEEK = 7


@lru_cache(maxsize=1024)
def find_typical_error(days: DailyUsage) -> Decimal | None:
    """The median error of forecasts a week ahead over the last weeks, as a share of what was used; None for too few.

    Weeks without use have no share and are left out, as are weeks that a limit held down; of two in the middle the
    greater counts. Worked example: 10 a day for two weeks, 20 a day in the third: the second week was forecast exactly,
    the third as 70 of 140, so 0.5. Kept, as habits are.
    """
    errors = []
    for back in range(1, MOST_WEEKS + 1):
        gone = len(days.amounts) - back * _WEEK
        before = days.until(max(gone, 0))
        if len(before.known) < LEAST_DAYS:
            break
        week = days.until(gone + _WEEK).known[len(before.known) :]
        actual = sum((amount for _, amount in week), Decimal(0))
        if actual and len(week) == _WEEK:
            total, _ = forecast_days(before, _WEEK)
            errors.append(ROOM.divide(abs(total - actual), actual))
    return sorted(errors)[len(errors) // 2] if len(errors) >= LEAST_WEEKS else None


def forecast_days(days: DailyUsage, ahead: int) -> tuple[Decimal, Decimal]:
    """The use of the next whole days and how far it may be off on either side: what `forecast` adds to a total."""
    with localcontext(ROOM):
        weekdays = weigh_weekdays(days)
        level = find_level(days, weekdays)
        first = days.first.weekday() + len(days.amounts)
        weights = sum((weekdays[(first + i) % 7] for i in range(ahead)), Decimal(0))
        return level.per_day * weights, find_spread(level, Decimal(ahead))
