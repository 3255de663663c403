"""The forecast of a period's usage: its running total to the end, a range, and when it meets a limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

from app.forecast.days import (
    LEAST_DAYS,
    ROOM,
    WEEKDAY_DAYS,
    DailyUsage,
    RemainingDay,
    list_remaining_days,
)
from app.forecast.level import find_habit, find_spread
from app.forecast.pace import project

_PLACES = Decimal("0.000001")
_MICROSECOND = timedelta(microseconds=1)


class Basis(StrEnum):
    """What a forecast follows: whole days by weekday, whole days alike, or only the pace of the period so far."""

    WEEKDAYS = "weekdays"
    DAYS = "days"
    PACE = "pace"


@dataclass(frozen=True, slots=True)
class Point:
    """The running total expected at an instant; `low` and `high` hold 10 to 90 % of outcomes, None without a range."""

    at: datetime
    total: Decimal
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The running total from now to the period's end, at every local midnight between.

    `reaches_at` is when the limit is met, None if not before the end or if it is met already. `earliest` and `latest`
    are the same for the upper and lower edge of the range; `latest` is None where the lower edge stays below the limit.
    """

    basis: Basis
    points: Sequence[Point]
    reaches_at: datetime | None
    earliest: datetime | None = None
    latest: datetime | None = None

    @property
    def end(self) -> Point:
        """What is expected at the period's end."""
        return self.points[-1]

    @property
    def has_range(self) -> bool:
        """Whether there are days enough to tell how sure the forecast is."""
        return self.basis is not Basis.PACE


def forecast(
    used: Decimal, limit: Decimal | None, days: DailyUsage, *, since: datetime, now: datetime, end: datetime, zone: str
) -> Forecast | None:
    """Forecast the running total, `used` at `now`, to `end`; None if there is too little to say anything.

    `since` is when use of this period could begin: with less than a week of days only the pace since then is known.

    Worked example: 10 a day for a week, none so far on the first of 30 days: 300 at the end, and 100 after ten days.
    """
    if now >= end:
        return None
    if len(days.known) < LEAST_DAYS:
        return _keep_pace(used, limit, since=since, now=now, end=end)
    with localcontext(ROOM):
        return _follow_days(used, limit, days, list_remaining_days(now, end, zone))


def _keep_pace(
    used: Decimal, limit: Decimal | None, *, since: datetime, now: datetime, end: datetime
) -> Forecast | None:
    ahead = project(used, limit, since=since, end=end, now=now)
    if ahead is None:
        return None
    points = (Point(now, used, None, None), Point(end, ahead.used, None, None))
    return Forecast(Basis.PACE, points, ahead.reaches_at)


def _follow_days(used: Decimal, limit: Decimal | None, days: DailyUsage, left: Sequence[RemainingDay]) -> Forecast:
    habit = find_habit(days)
    level = habit.level
    middle, low, high = [used], [used], [used]
    ahead = Decimal(0)
    for day in left:
        ahead += day.share
        middle.append(middle[-1] + level.per_day * habit.weekdays[day.weekday] * day.share)
        spread = find_spread(level, ahead)
        low.append(max(low[-1], middle[-1] - spread))
        high.append(middle[-1] + spread)
    # whole usage stays whole
    rounded = Decimal(1) if habit.is_whole and used == used.to_integral_value() else _PLACES
    times = [left[0].start, *(day.end for day in left)]
    points = [
        Point(at, *(value.quantize(rounded, ROUND_HALF_UP) for value in edge))
        for at, *edge in zip(times, middle, low, high, strict=True)
    ]
    basis = Basis.WEEKDAYS if len(days.known) >= WEEKDAY_DAYS else Basis.DAYS
    return Forecast(basis, points, *(_find_meeting(limit, edge, times) for edge in (middle, high, low)))


def _find_meeting(limit: Decimal | None, totals: Sequence[Decimal], times: Sequence[datetime]) -> datetime | None:
    """When a running total meets the limit, use being spread evenly over each day; None if not before the end."""
    if limit is None or totals[0] >= limit:
        return None
    for i in range(1, len(totals)):
        if totals[i] >= limit:
            length = Decimal((times[i] - times[i - 1]) // _MICROSECOND)
            part = length * (limit - totals[i - 1]) / (totals[i] - totals[i - 1])
            at = times[i - 1] + int(part.to_integral_value()) * _MICROSECOND
            return at if at < times[-1] else None
    return None
