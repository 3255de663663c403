"""The fit report in words. Pure functions."""

from __future__ import annotations

from app.statements import wording
from app.statements.fit.report import FitLine, FitReport, Span
from app.statements.windows import EACH
from app.web.filters import quantity

_PER: dict[Span, str] = {"period": "a month", "day": EACH["day"], "hour": EACH["hour"], "minute": EACH["minute"]}
_ONE = {"day": "today", "hour": "this hour", "minute": "this minute"}


def describe_line(line: FitLine, report: FitReport, zone: str) -> str:
    """What a limit or an allowance of the wanted plan means for this usage: one sentence.

    Worked example: 2,400 calls in October, and Free with 1,000: "API calls: 2,400 used in October 2026, Free allows
    1,000."
    """
    if line.verdict == "refused":
        return f"{line.name}: {_most(line, zone)}, {report.plan} allows {_limit(line)}."
    if line.verdict == "dearer":
        cost, own = (wording.format_amount(amount, report.currency) for amount in (line.cost, line.own_cost))
        usage = f"{quantity(line.priced)} in a month cost {cost} on {report.plan} for usage"
        return f"{line.name}: {usage}, {own} on {report.own_plan}."
    if line.verdict == "unknown":
        return f"{line.name}: {report.plan} allows {_limit(line)}. How much you use {_PER[line.span]} is not recorded."
    if line.limit is None and line.allowance is not None and line.most > line.allowance:
        if line.cost:
            return f"{line.name}: it costs no more than on {report.own_plan}."
        return f"{line.name}: above {quantity(line.allowance)}, counted at no cost."
    return f"{line.name}: fits."


def describe_limit(line: FitLine) -> str:
    """What the wanted plan grants: "1,000 a month", "50,000 a month, then at a price", "Unlimited"."""
    if line.span != "period":
        return _limit(line)
    if line.allowance is None and line.limit is None:
        return "Unlimited"
    if line.allowance is None or line.limit == line.allowance:
        return _limit(line)
    included = f"{quantity(line.allowance)} included"
    return included if line.limit is None else f"{included}, at most {quantity(line.limit)}"


def describe_now(line: FitLine) -> str:
    """Use so far, with the forecast where it is more."""
    if line.now is None:
        return "Not recorded"
    expected = f", about {quantity(line.expected)} expected" if line.expected is not None else ""
    return f"{quantity(line.now)}{expected}" if line.span == "period" else f"{quantity(line.now)} {_ONE[line.span]}"


def describe_worst(line: FitLine, zone: str) -> str:
    """The most of the past, and when."""
    if line.worst is None:
        return "Not recorded" if line.now is None else "None"
    return f"{quantity(line.worst)} {_worst_time(line, zone)}"


def describe_basis(report: FitReport) -> str:
    """What the usage compared is: "this period so far, its forecast, and your last 12 months"."""
    if report.periods == 0:
        return "this period so far and its forecast"
    past = "last month" if report.periods == 1 else f"last {report.periods} months"
    return f"this period so far, its forecast, and your {past}"


def _limit(line: FitLine) -> str:
    if line.limit is None:
        return "Unlimited"
    return quantity(line.limit) if line.span == "period" else f"{quantity(line.limit)} {_PER[line.span]}"


def _most(line: FitLine, zone: str) -> str:
    if line.worst is not None and line.worst >= line.most:
        return f"{quantity(line.worst)} used {_worst_time(line, zone)}"
    if line.expected is not None and (line.now is None or line.limit is None or line.now <= line.limit):
        return f"about {quantity(line.expected)} expected this period"
    return f"{quantity(line.now or 0)} used this period"


def _worst_time(line: FitLine, zone: str) -> str:
    if line.worst_period is not None:
        return f"in {wording.format_period(line.worst_period, zone)}"
    if line.worst_day is not None:
        return f"on {wording.format_days(line.worst_day, line.worst_day)}"
    return f"in one {line.span} of the last two days"
