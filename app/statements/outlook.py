"""The meter that presses most, its running total by day, and what its forecast says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from app.forecast import LEAST_DAYS, DailyUsage, Forecast, Point, find_typical_error
from app.kit.money import ZERO
from app.kit.periods import Period, midnight
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures
from app.statements.wording import find_meter_to_report, format_day, format_moment, unit_for
from app.web.filters import quantity

_DAY = timedelta(days=1)
_CENT, _HUNDRED = Decimal("0.01"), Decimal(100)


@dataclass(frozen=True, slots=True)
class RunningTotal:
    """What of a meter had been used in the period by an instant."""

    at: datetime
    total: Decimal


def find_pressing(usage: CurrentUsage) -> MeterFigures | None:
    """The meter nearest to its limit at the period's end: the one that the summary is about, if days of it add up.

    Without a limit anywhere it is the first one used. None if nothing was ever used, or the plan leaves all out.
    """
    drawable = [meter for meter in usage.meters if _adds_up(meter)]
    if not usage.ever_used or not drawable:
        return None
    reported = find_meter_to_report(usage)
    if reported in drawable:
        return reported
    limited = [meter for meter in drawable if meter.limit]
    if limited:
        return max(limited, key=_share_at_end)
    return next((meter for meter in drawable if meter.use.used), drawable[0])


def _adds_up(meter: MeterFigures) -> bool:
    """Whether days of a meter add up to its period. One that the plan leaves out has nothing to add."""
    return meter.aggregation != "unique" and (meter.limit != 0 or meter.use.used > 0)


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
    if ahead is None or meter.is_refused or meter.state in {"full", "over"}:
        return None
    if ahead.reaches_at is not None:
        return f"Full around {_moment(ahead.reaches_at, usage)}{_describe_dates(ahead, usage)}."
    if ahead.end.total <= meter.use.used:
        return None
    about = f"About {quantity(_round(ahead.end.total))}"
    between = _find_range(ahead.end)
    if between is None:
        return f"{about} expected." if ahead.has_range else f"{about} at this pace."
    return f"{about} expected, {quantity(between[0])} to {quantity(between[1])}."


def _describe_dates(ahead: Forecast, usage: CurrentUsage) -> str:
    if ahead.earliest is None or _is_sharp(ahead, usage):
        return ""
    if ahead.latest is None:
        return f", at the earliest {_moment(ahead.earliest, usage)}"
    return f", between {_moment(ahead.earliest, usage)} and {_moment(ahead.latest, usage)}"


def describe_outlook(meter: MeterFigures, usage: CurrentUsage) -> list[str]:
    """Sentences on where a meter is heading, how sure that is, and when it meets its limit."""
    if meter.ahead is None:
        silent = "A maximum is not forecast." if meter.aggregation == "max" else "Too little use yet for a forecast."
        return [silent]
    past = meter.days.before(usage.today)
    return [
        _describe_end(meter, meter.ahead, format_day(usage.period.end, usage.time_zone)),
        *_describe_meeting(meter, meter.ahead, usage),
        _describe_error(past) if meter.ahead.has_range else _explain_pace(past),
    ]


def _describe_end(meter: MeterFigures, ahead: Forecast, day: str) -> str:
    """What is expected; what a cap would refuse is only needed."""
    held = meter.terms.cap is not None and ahead.end.total > meter.terms.cap
    total = _round(ahead.end.total)
    sentence = f"{'Needed' if held else 'Expected'} by {day}: about {quantity(total)} {unit_for(total, meter.unit)}"
    between = _find_range(ahead.end)
    if between is None:
        return f"{sentence}." if ahead.has_range else f"{sentence} at the pace so far."
    return f"{sentence}; eight times in ten between {quantity(between[0])} and {quantity(between[1])}."


def _find_range(end: Point) -> tuple[Decimal, Decimal] | None:
    """The edges in words; None without a range, also where days are so alike that it has no width."""
    if end.low is None or end.high is None or _round(end.low) == _round(end.high):
        return None
    return _round(end.low), _round(end.high)


def _round(total: Decimal) -> Decimal:
    """What is about so much needs no fractions: none from 100 on, two places below."""
    return total.to_integral_value(ROUND_HALF_UP) if total >= _HUNDRED else total.quantize(_CENT, ROUND_HALF_UP)


def _explain_pace(past: DailyUsage) -> str:
    return f"There is no range yet: it takes {LEAST_DAYS} whole days of use{_say_free(past)}."


def _say_free(past: DailyUsage) -> str:
    """Days that a limit held down do not count: whoever has some is told so."""
    return " that no limit held down" if None in past.amounts else ""


def _describe_meeting(meter: MeterFigures, ahead: Forecast, usage: CurrentUsage) -> list[str]:
    if meter.limit is None or meter.use.used >= meter.limit:
        return []
    whole = f"The {'limit' if meter.terms.refuses else 'allowance'} of {quantity(meter.limit)}"
    if ahead.reaches_at is None:
        return [_deny_meeting(whole, ahead, usage)]
    sentence = f"{whole} is reached around {_moment(ahead.reaches_at, usage)}"
    if ahead.earliest is None or _is_sharp(ahead, usage):
        return [f"{sentence}."]
    latest = f"at the latest {_moment(ahead.latest, usage)}" if ahead.latest else "or not at all at the lower end"
    return [f"{sentence}, at the earliest {_moment(ahead.earliest, usage)}, {latest}."]


def _is_sharp(ahead: Forecast, usage: CurrentUsage) -> bool:
    """Whether the earliest and the latest date are the same in words."""
    edges = (ahead.earliest, ahead.latest)
    return len({_moment(at, usage) if at else None for at in edges}) == 1


def _deny_meeting(whole: str, ahead: Forecast, usage: CurrentUsage) -> str:
    if ahead.earliest is not None:
        return f"{whole} is reached at the upper end only, around {_moment(ahead.earliest, usage)}."
    return f"{whole} is not reached, even at the upper end." if ahead.has_range else f"{whole} is not reached."


def _moment(at: datetime, usage: CurrentUsage) -> str:
    return format_moment(at, usage.as_of, usage.time_zone)


def _describe_error(past: DailyUsage) -> str:
    error = find_typical_error(past)
    if error is None:
        return f"It takes three weeks of use{_say_free(past)} to say how far off a forecast usually is here."
    share = (error * 100).to_integral_value()
    off = f"{quantity(share)} % off" if share else "less than 1 % off"
    return f"A week ahead, the forecast was typically {off} here."
