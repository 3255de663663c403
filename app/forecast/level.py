"""The level of daily use and how far single days stray from it: exponential smoothing. Pure.

The range's width is the variance of a sum of days under this model: R. J. Hyndman, A. B. Koehler, J. K. Ord and
R. D. Snyder, "Forecasting with Exponential Smoothing" (2008), chapter 11, lead-time demand for a local level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from app.forecast.days import LEAST_DAYS, ROOM, DailyUsage, weigh_weekdays

ALPHA = Decimal("0.3")
"""How much of a day's surprise moves the level."""
SPREAD = Decimal(2)
"""Standard deviations on either side of the forecast. Normal errors would need 1.28 for 10 to 90 %; real usage has days
far off more often, and in the back-test (`docs/forecast.md`) two hold eight outcomes in ten."""
_KEPT = (1 - ALPHA) ** 2


@dataclass(frozen=True, slots=True)
class Level:
    """Use of an average day, the variance of a day about it, and what is left of the doubt about where it began."""

    per_day: Decimal
    variance: Decimal
    doubt: Decimal


@dataclass(frozen=True, slots=True)
class Habit:
    """What whole days tell: the weight of each weekday, the level, and whether only whole quantities were used."""

    weekdays: Sequence[Decimal]
    level: Level
    is_whole: bool


@lru_cache(maxsize=1024)
def find_habit(days: DailyUsage) -> Habit:
    """The habit behind the days, at least a week of them. Kept, since whole days seldom change and pages ask often."""
    weekdays = weigh_weekdays(days)
    is_whole = all(amount == amount.to_integral_value() for _, amount in days.known)
    return Habit(weekdays, find_level(days, weekdays), is_whole)


def find_level(days: DailyUsage, weekdays: Sequence[Decimal]) -> Level:
    """Follow the level from the mean of the first week through the days after it.

    A day is expected to bring the level times its weekday's weight. A weekday with little weight moves the level
    little: one event on a Sunday says nothing about Mondays.
    """
    head, one = days.known[:LEAST_DAYS], Decimal(1)
    weight_of_head = sum((weekdays[weekday] for weekday, _ in head), Decimal(0))
    level = ROOM.divide(sum((amount for _, amount in head), Decimal(0)), weight_of_head)
    doubt = ROOM.divide(one, Decimal(len(head)))
    steps = [ROOM.multiply(ALPHA, min(weight, ROOM.divide(one, weight))) for weight in weekdays]
    squares = Decimal(0)
    for i, (weekday, amount) in enumerate(days.known):
        surprise = ROOM.subtract(amount, ROOM.multiply(level, weekdays[weekday]))
        squares = ROOM.fma(surprise, surprise, squares)
        if i >= LEAST_DAYS:
            level = ROOM.fma(steps[weekday], surprise, level)
            doubt = ROOM.multiply(doubt, _KEPT)
    variance = ROOM.divide(squares, Decimal(max(1, len(days.known) - 1)))
    return Level(max(level, Decimal(0)), variance, doubt)


def find_spread(level: Level, ahead: Decimal) -> Decimal:
    """How far the use of the next `ahead` days may lie from the level's, on either side."""
    further = max(ahead - 1, Decimal(0))
    days = ahead * (1 + ALPHA * further + ALPHA * ALPHA * further * (2 * ahead - 1) / 6)
    return ROOM.multiply(SPREAD, ROOM.sqrt(ROOM.multiply(level.variance, days + level.doubt * ahead * ahead)))
