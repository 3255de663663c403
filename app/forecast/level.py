"""The level of daily use and how far single days stray from it: exponential smoothing. Pure.

The range's width is the variance of a sum of days under this model: R. J. Hyndman, A. B. Koehler, J. K. Ord and
R. D. Snyder, "Forecasting with Exponential Smoothing" (2008), chapter 11, lead-time demand for a local level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.forecast.days import LEAST_DAYS, ROOM, DailyUsage

ALPHA = Decimal("0.3")
"""How much of a day's surprise moves the level."""
SPREAD = Decimal(2)
"""Standard deviations on either side of the forecast. Normal errors would need 1.28 for 10 to 90 %; real usage has days
far off more often, and in the back-test (`docs/forecast.md`) two hold eight outcomes in ten."""


@dataclass(frozen=True, slots=True)
class Level:
    """Use of an average day, the variance of a day about it, and what is left of the doubt about where it began."""

    per_day: Decimal
    variance: Decimal
    doubt: Decimal


def find_level(days: DailyUsage, weekdays: Sequence[Decimal]) -> Level:
    """Follow the level from the mean of the first week through the days after it.

    A day is expected to bring the level times its weekday's weight. A weekday with little weight moves the level
    little: one event on a Sunday says nothing about Mondays.
    """
    known = [(amount, weekdays[weekday]) for weekday, amount in days.known]
    head = known[:LEAST_DAYS]
    amounts, weights = zip(*head, strict=True)
    level = ROOM.divide(sum(amounts, Decimal(0)), sum(weights, Decimal(0)))
    doubt = ROOM.divide(Decimal(1), Decimal(len(head)))
    squares = Decimal(0)
    for i, (amount, weight) in enumerate(known):
        surprise = ROOM.subtract(amount, ROOM.multiply(level, weight))
        squares = ROOM.fma(surprise, surprise, squares)
        if i >= LEAST_DAYS:
            step = ROOM.multiply(ALPHA, min(weight, ROOM.divide(Decimal(1), weight)))
            level = ROOM.fma(step, surprise, level)
            doubt = ROOM.multiply(doubt, (1 - ALPHA) ** 2)
    variance = ROOM.divide(squares, Decimal(max(1, len(known) - 1)))
    return Level(max(level, Decimal(0)), variance, doubt)


def find_spread(level: Level, ahead: Decimal) -> Decimal:
    """How far the use of the next `ahead` days may lie from the level's, on either side."""
    further = max(ahead - 1, Decimal(0))
    days = ahead * (1 + ALPHA * further + ALPHA * ALPHA * further * (2 * ahead - 1) / 6)
    return ROOM.multiply(SPREAD, ROOM.sqrt(ROOM.multiply(level.variance, days + level.doubt * ahead * ahead)))
