"""The meter that presses most, its running total by day, and what its forecast says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.forecast import LEAST_DAYS, Forecast, Point, find_typical_error
from app.kit.money import ZERO
from app.kit.periods import Period, midnight
from app.statements.ahead import MeterDays
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures
from app.statements.wording import find_meter_to_report, format_day, format_moment, unit_for
from app.web.filters import quantity

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RunningTotal:
    """What of a meter had been used in the period by an instant."""

    at: datetime
    total: Decimal


def find_pressing(usage: CurrentUsage) -> MeterFigures | None:
    """The meter nearest to its limit at the period's end: the one that the summary is about, if days of it add up.

    Without a limit anywhere it is the first one used. None if nothing was ever used: there is nothing to draw.
    """
    drawable = [meter for meter in usage.meters if meter.aggregation != "unique"]
    if not usage.ever_used or not drawable:
        return None
    reported = find_meter_to_report(usage)
    if reported in drawable:
        return reported
    limited = [meter for meter in drawable if meter.limit]
    if limited:
        return max(limited, key=_share_at_end)
    return next((meter for meter in drawable if meter.use.used), drawable[0])


def _share_at_end(meter: MeterFigures) -> Decimal:
    return max(meter.use.used, meter.projected_use) / meter.limit if meter.limit else ZERO


def list_running_totals(meter: MeterFigures, period: Period, now: datetime, zone: str) -> list[RunningTotal]:
    """The running total at the period's start, at each local midnight since, and now.

    It is counted back from what is used now, so that it ends exactly there: days also hold imported usage, which takes
    no room, and the first of them may have begun before the period. Of a `max` meter it is the greatest value so far.
    """
    first = period.start.astimezone(ZoneInfo(zone)).date()
    today = now.astimezone(ZoneInfo(zone)).date()
    totals = [RunningTotal(now, meter.use.used)]
    day, left = today, meter.use.used
    while day > first:
        left = _total_before(meter, day, first, left)
        if period.start < midnight(day, zone) < now:
            totals.append(RunningTotal(midnight(day, zone), left))
        day -= _DAY
    totals.append(RunningTotal(period.start, ZERO))
    return totals[::-1]


def _total_before(meter: MeterFigures, day: date, first: date, total: Decimal) -> Decimal:
    if meter.aggregation == "max":
        before = [amount for at, amount in meter.days.used.items() if first <= at < day]
        return min(max(before, default=ZERO), total)
    return max(total - meter.days.used.get(day, ZERO), ZERO)


def describe_forecast(meter: MeterFigures, usage: CurrentUsage) -> str | None:
    """The line beside a bar: when the limit will be reached, or what is expected; None while there is no forecast."""
    ahead = meter.ahead
    if ahead is None or meter.state in {"full", "over"}:
        return None
    if ahead.reaches_at is not None:
        return f"Full around {_moment(ahead.reaches_at, usage)}{_describe_dates(ahead, usage)}."
    if ahead.end.total <= meter.use.used:
        return None
    if ahead.end.low is None or ahead.end.high is None:
        return f"About {quantity(ahead.end.total)} at this pace."
    return f"About {quantity(ahead.end.total)} expected, {quantity(ahead.end.low)} to {quantity(ahead.end.high)}."


def _describe_dates(ahead: Forecast, usage: CurrentUsage) -> str:
    if ahead.earliest is None:
        return ""
    if ahead.latest is None:
        return f", at the earliest {_moment(ahead.earliest, usage)}"
    return f", between {_moment(ahead.earliest, usage)} and {_moment(ahead.latest, usage)}"


def describe_outlook(meter: MeterFigures, usage: CurrentUsage) -> list[str]:
    """Sentences on where a meter is heading, how sure that is, and when it meets its limit."""
    if meter.ahead is None:
        silent = "A maximum is not forecast." if meter.aggregation == "max" else "Too little use yet for a forecast."
        return [silent]
    return [
        _describe_end(meter, meter.ahead.end, format_day(usage.period.end, usage.time_zone)),
        *_describe_meeting(meter, meter.ahead, usage),
        _describe_error(meter.days, usage) if meter.ahead.has_range else _explain_pace(meter),
    ]


def _describe_end(meter: MeterFigures, end: Point, day: str) -> str:
    held = meter.terms.refuses and meter.limit is not None and end.total > meter.limit
    sentence = f"{'Needed' if held else 'Expected'} by {day}: about {quantity(end.total)}"
    sentence = f"{sentence} {unit_for(end.total, meter.unit)}"
    if end.low is None or end.high is None:
        return f"{sentence} at the pace so far."
    return f"{sentence}; eight times in ten between {quantity(end.low)} and {quantity(end.high)}."


def _explain_pace(meter: MeterFigures) -> str:
    if meter.aggregation == "unique":
        return "There is no range: distinct values of single days do not add up."
    return f"There is no range yet: it takes {LEAST_DAYS} whole days of use."


def _describe_meeting(meter: MeterFigures, ahead: Forecast, usage: CurrentUsage) -> list[str]:
    if meter.limit is None or meter.use.used >= meter.limit:
        return []
    whole = f"The {'limit' if meter.terms.refuses else 'allowance'} of {quantity(meter.limit)}"
    if ahead.reaches_at is None:
        return [_deny_meeting(whole, ahead, usage)]
    sentence = f"{whole} is reached around {_moment(ahead.reaches_at, usage)}"
    if ahead.earliest is None:
        return [f"{sentence}."]
    latest = f"at the latest {_moment(ahead.latest, usage)}" if ahead.latest else "or not at all at the lower end"
    return [f"{sentence}, at the earliest {_moment(ahead.earliest, usage)}, {latest}."]


def _deny_meeting(whole: str, ahead: Forecast, usage: CurrentUsage) -> str:
    if ahead.earliest is not None:
        return f"{whole} is reached at the upper end only, around {_moment(ahead.earliest, usage)}."
    return f"{whole} is not reached, even at the upper end." if ahead.has_range else f"{whole} is not reached."


def _moment(at: datetime, usage: CurrentUsage) -> str:
    return format_moment(at, usage.as_of, usage.time_zone)


def _describe_error(days: MeterDays, usage: CurrentUsage) -> str:
    today = usage.as_of.astimezone(ZoneInfo(usage.time_zone)).date()
    error = find_typical_error(days.before(today))
    if error is None:
        return "It takes three weeks of use to say how far off a forecast usually is here."
    share = (error * 100).to_integral_value()
    off = f"{quantity(share)} % off" if share else "less than 1 % off"
    return f"A week ahead, the forecast was typically {off} here."
