"""Parses the usage page's query string: days, meter, dimension. Untrusted input. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.kit.periods import Period
from app.statements import wording
from app.web.addresses import path_to

DIMENSIONS = {
    "kind": "Kind",
    "provider": "Provider",
    "endpoint": "Endpoint",
    "user": "User",
    "client": "Client",
    "key": "API key",
    "meter": "Meter",
}
NO_VALUE = {
    "kind": "No kind",
    "provider": "No provider",
    "endpoint": "No endpoint",
    "user": "No user",
    "client": "No client",
    "key": "No API key",
}
SPANS = {"day": "Day", "month": "Month"}
MOST_DAYS = 400
_MANY_DAYS = 92
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Range:
    """Days [start, end], inclusive, in the organisation's zone; `exact` is set if a period starts within a day."""

    start: date
    end: date
    exact: Period | None = None

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.end - self.start).days + 1

    def before(self) -> Range:
        """The same number of days just before."""
        return Range(self.start - self.days * _DAY, self.start - _DAY)


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """The parsed query string. `preset` is the preset's name, "" for custom days."""

    range: Range
    preset: str
    meter: str | None
    by: str
    span: str
    by_chosen: bool = False

    def address(self, **changed: str) -> str:
        """URL of the same view with parameters changed."""
        return path_to("usage.index", **{**self.values(), **changed})

    def csv(self, **more: str) -> str:
        """URL of the CSV file: totals by day, or by the chosen dimension. With `bom`, Excel reads it as UTF-8."""
        kept = {name: value for name, value in self.values().items() if name != "by" or self.by_chosen}
        return path_to("usage.csv", **kept, **more)

    def with_days(self, start: date, end: date) -> str:
        """URL of the same view over other days."""
        other = replace(self, preset="", range=Range(start, end))
        return other.address()

    def values(self) -> dict[str, str]:
        """All query parameters."""
        days = (
            {"period": self.preset}
            if self.preset
            else {"from": self.range.start.isoformat(), "to": self.range.end.isoformat()}
        )
        meter = {"meter": self.meter} if self.meter else {}
        return {**days, **meter, "by": self.by, "span": self.span}


def parse_usage_query(args: Mapping[str, str], period: Period, zone: str, now: datetime) -> UsageQuery:
    """Parse the query string; invalid values fall back to the current period, by day and kind."""
    presets = list_presets(period, zone, now)
    preset = args.get("period", "")
    own = _own_days(args)
    if own is None:
        preset = preset if preset in presets else "this"
    chosen = own or presets[preset][1]
    span = args.get("span", "")
    return UsageQuery(
        range=chosen,
        preset="" if own else preset,
        meter=args.get("meter"),
        by=args.get("by", "") if args.get("by") in DIMENSIONS else "kind",
        by_chosen=args.get("by") in DIMENSIONS,
        span=span if span in SPANS else "month" if chosen.days > _MANY_DAYS else "day",
    )


def list_presets(period: Period, zone: str, now: datetime) -> dict[str, tuple[str, Range]]:
    """The preset ranges by key: label and days."""
    today = _local(now, zone)
    start, end = _local(period.start, zone), _local(period.end - timedelta(microseconds=1), zone)
    before = _local(period.start - timedelta(microseconds=1), zone)
    first = before.replace(day=1) if start.day == 1 else start - timedelta(days=30)
    return {
        "this": ("This period", Range(start, min(end, today), period)),
        "before": (wording.format_days(first, before), Range(first, before)),
        "30d": ("Last 30 days", Range(today - 29 * _DAY, today)),
        "12m": ("Last 12 months", Range(_year_back(today), today)),
    }


def _own_days(args: Mapping[str, str]) -> Range | None:
    try:
        start, end = date.fromisoformat(args["from"]), date.fromisoformat(args["to"])
    except (KeyError, ValueError):
        return None
    if not date(2000, 1, 1) <= min(start, end) <= max(start, end) <= date(2200, 1, 1):
        return None
    start, end = min(start, end), max(start, end)
    return Range(max(start, end - (MOST_DAYS - 1) * _DAY), end)


def _year_back(today: date) -> date:
    month = today.year * 12 + today.month - 12
    return date(month // 12, month % 12 + 1, 1)


def _local(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()
