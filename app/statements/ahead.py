"""A meter's forecast for the open period: what the room `forecast` is given. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.forecast import DailyUsage, Forecast, forecast
from app.kit.periods import Period

METHOD = "days: the level of past days, by weekday from two weeks on; in the first week the pace so far"


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


def look_ahead(
    aggregation: str, used: Decimal, limit: Decimal | None, days: Mapping[date, Decimal], pace: Pace
) -> Forecast | None:
    """Forecast a meter's use at the period's end. `days` may reach back before the period: habits outlast it.

    A maximum has no pace. Distinct values of single days do not add up, so for them only the pace so far counts.
    """
    if aggregation == "max":
        return None
    known = DailyUsage.before(pace.today, {} if aggregation == "unique" else days)
    since = max(pace.since, pace.period.start)
    return forecast(used, limit, known, since=since, now=pace.now, end=pace.period.end, zone=pace.zone)
