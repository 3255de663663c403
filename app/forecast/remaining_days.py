"""The days that are left of a period, cut at local midnights. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.forecast.days import ROOM
from app.kit.periods import midnight

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RemainingDay:
    """A local day, or the part of it that is left: [start, end). `share` is how much of the day that is."""

    start: datetime
    end: datetime
    weekday: int
    share: Decimal


def list_remaining_days(start: datetime, end: datetime, zone: str) -> Iterator[RemainingDay]:
    """Cut [start, end) into local days. A day over a clock change is a whole day, whatever its hours."""
    day = start.astimezone(ZoneInfo(zone)).date()
    at = start
    while at < end:
        opens, closes = midnight(day, zone), midnight(day + timedelta(days=1), zone)
        until = min(closes, end)
        if until > at:
            share = ROOM.divide(Decimal((until - at) // _MICROSECOND), Decimal((closes - opens) // _MICROSECOND))
            yield RemainingDay(at, until, day.weekday(), share)
            at = until
        day += timedelta(days=1)
