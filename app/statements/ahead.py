"""A meter's forecast for the open period: what the room `forecast` is given. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.forecast import DailyUsage, Forecast, forecast
from app.kit.money import ZERO
from app.kit.periods import Period

METHOD = "days: the level of past days, by weekday from two weeks on; in the first week the pace so far"
_HELD_BY = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """The time that a forecast spans. `since` is when use could start: an org may be younger than its period."""

    period: Period
    since: datetime
    now: datetime
    zone: str = "UTC"

    @property
    def today(self) -> date:
        """The running day of the organisation."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True, slots=True)
class MeterDays:
    """A meter's use by day of the organisation, up to today, and what limits refused on them."""

    used: Mapping[date, Decimal] = field(default_factory=dict)
    refused: Mapping[date, Decimal] = field(default_factory=dict)

    def before(self, today: date) -> DailyUsage:
        """The whole days before today, for forecasts.

        A day on which limits refused more than a tenth of what was used tells no habit. So an organisation that was
        held at its limit for a week is not taken to want less.
        """
        held = {day for day, quantity in self.refused.items() if quantity * _HELD_BY > self.used.get(day, ZERO)}
        return DailyUsage.before(today, self.used, held)


def look_ahead(aggregation: str, used: Decimal, limit: Decimal | None, days: MeterDays, pace: Pace) -> Forecast | None:
    """Forecast a meter's use at the period's end. `days` may reach back before the period: habits outlast it.

    A maximum has no pace. Distinct values of single days do not add up, so for them only the pace so far counts.
    """
    if aggregation == "max":
        return None
    known = (MeterDays() if aggregation == "unique" else days).before(pace.today)
    since = max(pace.since, pace.period.start)
    return forecast(used, limit, known, since=since, now=pace.now, end=pace.period.end, zone=pace.zone)
