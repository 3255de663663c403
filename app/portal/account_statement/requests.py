"""Parses the days of a statement: the last twelve months unless they are given, and at most twenty-four. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.kit.errors import FieldError, InvalidRequest
from app.portal.account_statement.account import StatementSpan

MOST_MONTHS = 24
_USUAL_MONTHS = 12
_DAY = timedelta(days=1)
_FIRST, _LAST = date(2000, 1, 1), date(2199, 12, 31)
_NOT_A_DATE = "must be a date, such as 2026-11-01"


def parse_span(args: Mapping[str, str], zone: str, now: datetime) -> StatementSpan:
    """Parse `from` and `to`, both inclusive; one that is left out follows from the other. Raises `InvalidRequest`."""
    first, last = _parse_day(args, "from"), _parse_day(args, "to")
    return build_span(first, last, zone, now)


def build_span(first: date | None, last: date | None, zone: str, now: datetime) -> StatementSpan:
    """The span of some days. Raises `InvalidRequest` if they are in the wrong order, too many, or out of this world."""
    today = now.astimezone(ZoneInfo(zone)).date()
    last = last or max(today, first or today)
    for name, day in (("from", first), ("to", last)):
        if day is not None and not _FIRST <= day <= _LAST:
            raise _invalid(FieldError(name, "must be from 2000 to 2199"))
    first = first or _months_before(last, _USUAL_MONTHS)
    if first > last:
        raise _invalid(FieldError("to", "must not be before the first day"))
    if first < _months_before(last, MOST_MONTHS):
        raise _invalid(FieldError("from", f"must be at most {MOST_MONTHS} months before the last day"))
    return StatementSpan(first, last, zone)


def usual_span(zone: str, now: datetime) -> StatementSpan:
    """The last twelve months, to today."""
    return build_span(None, None, zone, now)


def read_days(args: Mapping[str, str]) -> tuple[date | None, date | None]:
    """The days as far as they are dates, to show again what was typed."""
    days: list[date | None] = []
    for name in ("from", "to"):
        try:
            days.append(_parse_day(args, name))
        except InvalidRequest:
            days.append(None)
    return days[0], days[1]


def _parse_day(args: Mapping[str, str], name: str) -> date | None:
    given = args.get(name)
    if not given:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise _invalid(FieldError(name, _NOT_A_DATE)) from None


def _months_before(last: date, months: int) -> date:
    """The day after the same day so many months before, so that the days are exactly so many months."""
    years, month = divmod(last.month - 1 - months, 12)
    year = last.year + years
    following = date(year, month + 1, 28) + 4 * _DAY
    days = (following - timedelta(days=following.day)).day
    return date(year, month + 1, min(last.day, days)) + _DAY


def _invalid(error: FieldError) -> InvalidRequest:
    names = {"from": "The first day", "to": "The last day"}
    return InvalidRequest(f"{names[error.field]} {error.detail}.", [error])
