"""The sentences that pages say about figures. Pure: the same figures give the same words."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from app.kit.money import exponent, to_major
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures
from app.statements.windows import reached
from app.web.filters import clock, day, estimate, quantity, unit_price

_SOON = timedelta(days=6)


def amount(minor: Decimal | int, currency: str) -> str:
    """Minor units as people read them: 4900 USD is $49.00."""
    return estimate(to_major(minor, exponent(currency)), currency)


def price_of_unit(minor: Decimal, currency: str) -> str:
    """The exact price of one unit: 0.1 cents is $0.001."""
    return unit_price(to_major(minor, exponent(currency)), currency, places=exponent(currency))


def moment(at: datetime, now: datetime, zone: str) -> str:
    """A moment ahead, as exact as it is near: "Tuesday 14:00" within six days, else "27 November"."""
    pattern = "EEEE HH:00" if at - now < _SOON else "d MMMM"
    return format_datetime(at, pattern, tzinfo=ZoneInfo(zone), locale="en")


def units(unit: str) -> str:
    """More than one of a unit, as catalogues name it: call, calls."""
    return unit if unit.endswith("s") else f"{unit}s"


def policy(meter: MeterFigures, currency: str) -> str:
    """What happens at 100 %."""
    most = meter.terms.refused_above
    if meter.terms.policy == "block":
        return _blocked(most)
    said = _beyond(meter, currency)
    return said if most is None else f"{said} Refused above {quantity(most)}."


def forecast(meter: MeterFigures, usage: CurrentUsage) -> str | None:
    """When the limit is met, or where the period ends; None while the pace says nothing."""
    if meter.reaches_limit_at is not None:
        return f"Full about {moment(meter.reaches_limit_at, usage.as_of, usage.time_zone)}."
    if meter.projected_use <= meter.use.used or meter.state in {"full", "over"}:
        return None
    return f"About {quantity(meter.projected_use)} at this pace."


def state(usage: CurrentUsage) -> tuple[str, str]:
    """How things stand in one word (ok, near, high, full, over, empty) and one sentence."""
    if not usage.ever_used:
        return "empty", "Waiting for your first event."
    shut = next((meter for meter in usage.meters if meter.shut), None)
    kind, meter = _worst(usage)
    if (usage.late or usage.limited) and not shut and not (meter and kind != "ok"):
        return _owing(usage)
    if shut and shut.shut and not (meter and _refused(meter)):
        return "high", reached(shut.name, shut.shut, usage.time_zone)
    return ("ok", "All fine.") if meter is None else _standing(kind, meter, usage)


def _owing(usage: CurrentUsage) -> tuple[str, str]:
    """Nothing runs out, and money is owed: that is not fine."""
    if usage.limited:
        return "high", f"A payment is overdue: the free limits hold instead of those of {usage.plan_name}."
    return "near", "Usage is fine; a payment failed."


def _standing(kind: str, meter: MeterFigures, usage: CurrentUsage) -> tuple[str, str]:
    """Word and sentence of the meter to speak of."""
    until = day(usage.period.end, usage.time_zone, plain=True)
    if kind == "full" or _refused(meter):
        return kind, _used_up(meter, str(until))
    if kind == "over":
        above = meter.use.used - (meter.limit or Decimal(0))
        billed = "which are billed" if meter.terms.policy == "charge" else "which cost nothing"
        return kind, f"{meter.name} are {quantity(above)} over the allowance, {billed}."
    if meter.reaches_limit_at is not None:
        verb = "run out" if meter.terms.policy == "block" else "pass the allowance"
        kind = "near" if kind == "ok" else kind
        return kind, f"{meter.name} {verb} about {moment(meter.reaches_limit_at, usage.as_of, usage.time_zone)}."
    return kind, "All fine." if kind == "ok" else f"{meter.percent} % of {meter.name} are used; they last to {until}."


def _refused(meter: MeterFigures) -> bool:
    """Whether the period's own limit refuses more."""
    return meter.terms.policy == "block" and meter.state in {"full", "over"}


def _worst(usage: CurrentUsage) -> tuple[str, MeterFigures | None]:
    """The meter to speak of: the fullest by state, then the one that runs out first."""
    order = ["over", "full", "high", "near"]
    for kind in order:
        found = [meter for meter in usage.meters if meter.state == kind]
        if found:
            blocked = [meter for meter in found if meter.terms.policy == "block"]
            return kind, max(blocked or found, key=lambda meter: meter.percent or 0)
    ahead = [(meter.reaches_limit_at, meter) for meter in usage.meters if meter.reaches_limit_at]
    return "ok", min(ahead, key=lambda pair: pair[0])[1] if ahead else None


def _used_up(meter: MeterFigures, until: str) -> str:
    if meter.terms.policy == "block":
        return f"{meter.name} are used up: further use is refused until {until}."
    after = "further use is billed" if meter.terms.policy == "charge" else "further use is counted and costs nothing"
    return f"The allowance of {meter.name} is used up: {after}."


def _blocked(most: Decimal | None) -> str:
    if most is None:
        return "Never refused."
    return "Not part of your plan." if most == 0 else "Refused at 100 %."


def _beyond(meter: MeterFigures, currency: str) -> str:
    if meter.terms.policy == "charge" and meter.terms.charge is not None:
        if meter.terms.allowance is None:
            return "Included in the plan."
        each = price_of_unit(meter.overage_unit, currency) if meter.overage_unit else None
        start = "Each is" if meter.limit is None else "Above that, each is"
        return f"{start} billed at {each}." if each else "What is above is billed."
    if meter.limit is None:
        return "Not limited, not billed."
    return "Above that, still counted at no cost."


def a_day(at: datetime, zone: str) -> str:
    """A day in the middle of a sentence."""
    return str(day(at, zone, plain=True))


def deadline(at: datetime, zone: str) -> str:
    """An instant that something depends on, with its zone."""
    return f"{a_day(at, zone)}, {clock(at, zone)}"
