"""A bar for each meter: the period's, its fullest window's, and the last 30 days. Pure."""

from __future__ import annotations

from datetime import timedelta

from app.kit.money import ZERO
from app.portal.dashboard.view_models import MeterBar, WindowBar
from app.statements import windows, wording
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures, classify_use
from app.statements.outlook import describe_forecast
from app.web.addresses import path_to
from app.web.charts import Sparkline, draw_sparkline
from app.web.filters import quantity

SPARK_DAYS = 30
_DAY = timedelta(days=1)


def build_bars(usage: CurrentUsage) -> list[MeterBar]:
    """One bar per meter, the plan's own first, in catalogue order."""
    return [_bar(meter, usage) for meter in usage.meters]


def _bar(meter: MeterFigures, usage: CurrentUsage) -> MeterBar:
    share = int(meter.use.reserved * 100 // meter.limit) if meter.limit else 0
    return MeterBar(
        key=meter.key,
        name=meter.name,
        unit=wording.unit_for(meter.use.used if meter.limit is None else meter.limit, meter.unit),
        used=meter.use.used,
        limit=meter.limit,
        percent=meter.percent or 0,
        resets_at=usage.period.end,
        state=meter.pressure,
        bar_state=meter.state,
        policy=wording.describe_policy(meter, usage.currency),
        forecast=describe_forecast(meter, usage),
        reserved=meter.use.reserved,
        reserved_percent=share,
        href=path_to("usage.index", meter=meter.key),
        windows=windows.describe_windows(meter.windows),
        window=_build_window(meter, usage.time_zone),
        spark=_build_spark(meter, usage),
    )


def _build_window(meter: MeterFigures, zone: str) -> WindowBar | None:
    window = meter.fullest
    if window is None:
        return None
    words = windows.describe_fill(meter.name, window, zone)
    return WindowBar(window.percent, classify_use(window.used, window.limit), words)


def _build_spark(meter: MeterFigures, usage: CurrentUsage) -> Sparkline | None:
    """The last 30 days up to today, also where nothing limits the meter; None if nothing was used on them."""
    today = usage.today
    days = [today - i * _DAY for i in range(SPARK_DAYS - 1, -1, -1)]
    values = [max(meter.days.used.get(day, ZERO), ZERO) for day in days]
    if not any(values):
        return None
    busiest = max(zip(values, days, strict=True))
    when = "today" if busiest[1] == today else f"on {busiest[1].day} {busiest[1]:%b}"
    words = f"{meter.name} by day, last {SPARK_DAYS} days: at most {quantity(busiest[0])} {when}"
    return draw_sparkline(values, f"{words}, {quantity(values[-1])} today")
