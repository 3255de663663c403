"""Sentences about usage figures, shared by pages, API and mail. Pure functions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from app.kit.money import exactly, exponent, to_major
from app.kit.periods import Period
from app.rating import UnitPrice
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures
from app.statements.windows import describe_full_window, describe_tight_window
from app.subscriptions.terms.resolver import RESTRICTION
from app.web.filters import clock, day, estimate, quantity, round_money, unit_price

_SOON = timedelta(days=6)
_INSTANT = timedelta(microseconds=1)


def format_amount(minor: Decimal | int, currency: str) -> str:
    """Format minor units for display: 4900 USD is $49.00."""
    return estimate(to_major(minor, exponent(currency)), currency)


def format_price(minor: int, currency: str) -> str:
    """Format the price of a plan: 4900 USD is $49, 4950 USD is $49.50."""
    return round_money(to_major(minor, exponent(currency)), currency)


def format_unit_price(price: UnitPrice, currency: str) -> str:
    """Format the exact price of units: "$0.001 each", "$2.00 per 1,000"."""
    amount = unit_price(to_major(price.amount, exponent(currency)), currency, places=exponent(currency))
    return f"{amount} each" if price.units == 1 else f"{amount} per {quantity(price.units)}"


def format_moment(at: datetime, now: datetime, zone: str, *, short: bool = False) -> str:
    """Format a future time, more precise the nearer it is: "Tuesday 14:00" within six days, else "27 November".

    `short` is for charts: "Tue 14:00", "27 Nov".
    """
    day = "EEE" if short else "EEEE"
    pattern = f"{day} HH:00" if at - now < _SOON else "d MMM" if short else "d MMMM"
    return format_datetime(at, pattern, tzinfo=ZoneInfo(zone), locale="en")


def pluralise(unit: str) -> str:
    """The plural of a unit as catalogues name it: call, calls."""
    return unit if unit.endswith("s") else f"{unit}s"


def unit_for(count: Decimal, unit: str) -> str:
    """The unit as it follows a number: 1 document, 2 documents."""
    return unit if abs(count) == 1 else pluralise(unit)


def describe_policy(meter: MeterFigures, currency: str) -> str:
    """What happens when the limit or allowance is reached."""
    cap = meter.terms.cap
    if meter.terms.refuses or meter.terms.policy == "block":
        return _blocked(cap)
    sentence = _beyond(meter, currency)
    return sentence if cap is None else f"{sentence} Refused above {quantity(cap)}."


def summarise_usage(usage: CurrentUsage) -> tuple[str, str]:
    """Summarise usage as a state (ok, near, high, full, over, empty) and one sentence."""
    if not usage.ever_used:
        return "empty", "Waiting for your first event."
    shut = next((meter for meter in usage.meters if meter.shut), None)
    kind, meter = _worst(usage)
    pressed = any(meter.tight for meter in usage.meters) or (meter and kind != "ok")
    if (usage.late or usage.limited) and not shut and not pressed:
        return _owing(usage)
    if shut and shut.shut and not (meter and meter.is_refused):
        return "high", describe_full_window(shut.name, shut.shut, usage.time_zone)
    tight = max((meter for meter in usage.meters if meter.tight), key=_share_of_window, default=None)
    if tight and tight.tight and kind not in {"full", "over"}:
        return tight.pressure, describe_tight_window(tight.name, tight.tight, usage.time_zone)
    return ("ok", "All fine.") if meter is None else _describe_meter(kind, meter, usage)


def find_meter_to_report(usage: CurrentUsage) -> MeterFigures | None:
    """The meter that the summary is about: nearest to its limit, or first to run out; None if all is fine."""
    return _worst(usage)[1]


def _share_of_window(meter: MeterFigures) -> Decimal:
    return meter.tight.used / meter.tight.limit if meter.tight else Decimal(0)


def _owing(usage: CurrentUsage) -> tuple[str, str]:
    """Usage is fine but a payment is owed or the plan is paused, so "All fine" would mislead."""
    if usage.limited and not usage.late:
        return "high", "Your plan is paused: your limits are reduced to the free plan's until you resume it."
    if usage.limited:
        return "high", "A payment is overdue: your limits are reduced to the free plan's until it is paid."
    return "near", "Usage is fine, but a payment failed."


def _describe_meter(kind: str, meter: MeterFigures, usage: CurrentUsage) -> tuple[str, str]:
    """State and sentence for the meter that matters most."""
    until = day(usage.period.end, usage.time_zone, plain=True)
    if kind == "full" or meter.is_refused:
        return kind, _used_up(meter, str(until), usage.currency)
    if kind == "over":
        above = meter.use.used - (meter.limit or Decimal(0))
        cost = format_amount(meter.cost, usage.currency) if meter.terms.charge else "nothing"
        return kind, f"{meter.name} are {quantity(above)} over the allowance. The excess costs {cost}."
    if meter.reaches_limit_at is not None:
        verb = "will run out" if meter.terms.refuses else "will exceed the allowance"
        kind = "near" if kind == "ok" else kind
        return (
            kind,
            f"{meter.name} {verb} around {format_moment(meter.reaches_limit_at, usage.as_of, usage.time_zone)}.",
        )
    return kind, "All fine." if kind == "ok" else f"{meter.percent} % of {meter.name} used. They reset on {until}."


def _worst(usage: CurrentUsage) -> tuple[str, MeterFigures | None]:
    """The meter to report: the worst by state, otherwise the one that runs out first."""
    order = ["over", "full", "high", "near"]
    for kind in order:
        meters = [meter for meter in usage.meters if meter.state == kind]
        if meters:
            blocked = [meter for meter in meters if meter.terms.refuses]
            return kind, max(blocked or meters, key=lambda meter: meter.percent or 0)
    ahead = [(meter.reaches_limit_at, meter) for meter in usage.meters if meter.reaches_limit_at]
    return "ok", min(ahead, key=lambda pair: pair[0])[1] if ahead else None


def _used_up(meter: MeterFigures, until: str, currency: str) -> str:
    if meter.terms.cap_source == RESTRICTION and meter.is_refused:
        return f"{meter.name} are above the reduced limit. Further use is refused until your plan's own limits return."
    if meter.is_refused:
        return f"{meter.name} are used up. Further use is refused until {until}."
    after = "is counted and costs nothing"
    if meter.terms.charge is not None:
        after = f"costs {format_unit_price(meter.overage, currency)}" if meter.overage else "costs extra"
    return f"The allowance of {meter.name} is used up. Further use {after}."


def _blocked(cap: Decimal | None) -> str:
    if cap is None:
        return "Never refused."
    return "Not included in your plan." if cap == 0 else "Refused at 100 %."


def _beyond(meter: MeterFigures, currency: str) -> str:
    if meter.terms.charge is not None:
        if meter.terms.allowance is None:
            return "Included in the plan."
        if meter.overage is None:
            return "Usage above the allowance costs extra."
        start = "Usage" if meter.limit is None else "Above that, usage"
        return f"{start} costs {format_unit_price(meter.overage, currency)}."
    if meter.limit is None:
        return "Unlimited, at no cost."
    return "Above that, counted at no cost."


def format_day(at: datetime, zone: str) -> str:
    """Format a day for use inside a sentence."""
    return str(day(at, zone, plain=True))


def format_days(first: date, last: date) -> str:
    """Format days, both inclusive: "21 Nov 2026", "1–21 Nov 2026", "28 Sep – 4 Oct 2026"."""
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    return f"{first.day} {first:%b}{f' {first.year}' if first.year != last.year else ''} – {end}"


def format_span(start: datetime, end: datetime, zone: str) -> str:
    """Format the days of a period, [start, end), in a time zone: "1–30 Nov 2026"."""
    local = ZoneInfo(zone)
    return format_days(start.astimezone(local).date(), (end - _INSTANT).astimezone(local).date())


def format_period(period: Period, zone: str) -> str:
    """Name a whole calendar month by month, any other period by its days: "October 2026", "5 Oct – 4 Nov 2026"."""
    local = ZoneInfo(zone)
    start, last = period.start.astimezone(local), (period.end - _INSTANT).astimezone(local)
    if start.day == 1 and (last + timedelta(days=1)).day == 1 and start.month == last.month:
        return f"{start:%B %Y}"
    return format_days(start.date(), last.date())


def format_exact(minor: Decimal, currency: str) -> str:
    """Format exact minor units with all their decimal places: 0.5 USD is $0.005."""
    amount = to_major(minor, exponent(currency))
    with exactly():
        return unit_price(amount, currency, places=exponent(currency), most=max(12, -int(amount.as_tuple().exponent)))


def name_unpaid_change(current: str, wanted: str | None, interval: str | None) -> str:
    """What a change that waits for its payment is to: "Max"; "Pro by the year", if only that is another."""
    if wanted is None:
        return "another price"
    return f"{wanted} by the {interval}" if wanted == current and interval else wanted


def format_deadline(at: datetime, zone: str) -> str:
    """Format a deadline: day, time and time zone."""
    return f"{format_day(at, zone)}, {clock(at, zone)}"
