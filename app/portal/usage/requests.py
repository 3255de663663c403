"""Parses the usage page's query string: days, meter, dimension, filters. Untrusted input. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.kit.periods import Period
from app.metering.events.filtered import FILTERS
from app.statements import wording
from app.web.addresses import path_to

DIMENSIONS = {
    "kind": "Kind",
    "provider": "Provider",
    "endpoint": "Endpoint",
    "user": "User",
    "client": "Client",
    "key": "API key",
    "language": "Language",
    "format": "Format",
    "status": "Status",
    "attempt": "Attempt",
    "hour": "Hour of day",
    "meter": "Meter",
}
NO_VALUE = {
    "plan": "No plan",
    "kind": "No kind",
    "provider": "No provider",
    "endpoint": "No endpoint",
    "user": "No user",
    "client": "No client",
    "key": "No API key",
    "language": "No language",
    "format": "No format",
    "status": "No status",
    "attempt": "Original",
    "hour": "No hour",
}
SPANS = {"hour": "Hour", "day": "Day", "month": "Month"}
MOST_BY_HOUR = 3
"""The most days that are shown by hour."""
MOST_DAYS = 400
_MANY_DAYS = 92
_DAY = timedelta(days=1)
_IDS = frozenset({"user", "client", "key"})
_LONGEST = 255


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
    """The parsed query string. `preset` is the preset's name, "" for custom days.

    `filters` are values by dimension; None is what names no value.
    """

    range: Range
    preset: str
    meter: str | None
    by: str
    span: str
    by_chosen: bool = False
    filters: Mapping[str, str | None] = field(default_factory=dict)

    def address(self, **changed: str) -> str:
        """URL of the same view with parameters changed."""
        return path_to("usage.index", **{**self.values(), **changed})

    def events(self, form: str) -> str:
        """URL of the file of events, `csv` or `jsonl`."""
        return path_to("usage.events", form=form, **self.values())

    def filtered(self, value: str | None, dimension: str = "") -> str:
        """URL of the same view of the events that name this value of the dimension, too; None: that name none."""
        return self.address(**{dimension or self.by: value or ""})

    def without(self, *dimensions: str) -> str:
        """URL of the same view without the filters of these dimensions."""
        return replace(
            self, filters={name: self.filters[name] for name in self.filters if name not in dimensions}
        ).address()

    def csv(self, **more: str) -> str:
        """URL of the CSV file: totals by day, or by the chosen dimension. With `bom`, Excel reads it as UTF-8."""
        kept = {name: value for name, value in self.values().items() if name != "by" or self.by_chosen}
        return path_to("usage.csv", **kept, **more)

    @property
    def spans(self) -> list[str]:
        """What it can be shown by: hours are kept in total only, so those of few days without filters."""
        return [key for key in SPANS if key != "hour" or (self.range.days <= MOST_BY_HOUR and not self.filters)]

    def only_first_filter(self) -> UsageQuery:
        """The same with one filter, by its dimension, and not by hour: for a meter that does not add up."""
        query = replace(self, span="day") if self.span == "hour" else self
        first = next(((name, value) for name, value in self.filters.items() if value), None)
        return replace(query, filters={first[0]: first[1]}, by=first[0]) if first else replace(query, filters={})

    def with_days(self, start: date, end: date, *, span: str = "") -> str:
        """URL of the same view over other days, by the same span unless told otherwise."""
        other = replace(self, preset="", range=Range(start, end), span=span or self.span)
        return other.address()

    def values(self) -> dict[str, str]:
        """All query parameters."""
        days = (
            {"period": self.preset}
            if self.preset
            else {"from": self.range.start.isoformat(), "to": self.range.end.isoformat()}
        )
        meter = {"meter": self.meter} if self.meter else {}
        filters = {name: value or "" for name, value in self.filters.items()}
        return {**days, **meter, "by": self.by, "span": self.span, **filters}


def parse_usage_query(args: Mapping[str, str], period: Period, zone: str, now: datetime) -> UsageQuery:
    """Parse the query string; invalid values fall back to the current period, by day and kind."""
    presets = list_presets(period, zone, now)
    preset = args.get("period", "")
    own = _own_days(args)
    if own is None:
        preset = preset if preset in presets else "this"
    chosen = own or presets[preset][1]
    span = args.get("span", "")
    filters = {name: args[name] or None for name in FILTERS if name in args and _is_value(name, args[name])}
    by = args.get("by", "") if args.get("by") in DIMENSIONS else next(iter(filters), "kind")
    query = UsageQuery(
        range=chosen,
        preset="" if own else preset,
        meter=args.get("meter"),
        by=next(iter(filters)) if filters and by == "meter" else by,
        by_chosen=args.get("by") in DIMENSIONS,
        span=span if span in SPANS else "month" if chosen.days > _MANY_DAYS else "day",
        filters=filters,
    )
    return query if query.span in query.spans else replace(query, span="day")


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


def _is_value(dimension: str, value: str) -> bool:
    """Whether events can name it. People, clients and keys are named by their ids."""
    if value and dimension in _IDS:
        try:
            return str(UUID(value)) == value
        except ValueError:
            return False
    return len(value) <= _LONGEST and "\x00" not in value


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
