"""Minute, hour and day limits: how full the open window is, and its wording. Pure.

Window limits apply on top of the period's limit and refuse use whatever the overage policy is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from app.web.filters import quantity

EACH = {"minute": "a minute", "hour": "an hour", "day": "a day"}
_SO_FAR = {"minute": "this minute", "hour": "this hour", "day": "today"}
_WHOSE = {"minute": "This minute's", "hour": "This hour's", "day": "Today's"}


@dataclass(frozen=True, slots=True)
class Window:
    """The open minute, hour or day on the organisation's clock; the next window starts at `resets_at`."""

    span: str
    limit: Decimal
    used: Decimal
    resets_at: datetime

    @property
    def percent(self) -> int:
        """How full it is, rounded down."""
        return int(self.used * 100 // self.limit)

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self.used >= self.limit


def parse_windows(rows: Sequence[Sequence[Any]] | None) -> tuple[Window, ...]:
    """Parse query results: [span, limit, used, end] as text; None means no window limits."""
    return tuple(
        Window(span, Decimal(limit), Decimal(used), datetime.fromisoformat(end))
        for span, limit, used, end in rows or ()
    )


def describe_windows(windows: Sequence[Window]) -> str | None:
    """The line below a bar: "At most 500 a day: 320 used today." None without windows."""
    sentences = [
        f"At most {quantity(window.limit)} {EACH[window.span]}: {quantity(window.used)} used {_SO_FAR[window.span]}."
        for window in windows
    ]
    return " ".join(sentences) or None


def find_fullest(windows: Sequence[Window]) -> Window | None:
    """The window of which the largest share is used."""
    return max(windows, key=lambda window: window.used / window.limit, default=None)


def describe_fill(name: str, window: Window, zone: str) -> str:
    """Say how full a meter's window is and when it resets, as a bar is read out."""
    used = f"{quantity(window.used)} of {quantity(window.limit)} {name} used {_SO_FAR[window.span]}"
    return f"{used}, {window.percent} percent, resets {_reset(window, zone)}"


def describe_full_window(name: str, window: Window, zone: str) -> str:
    """Say that a meter's window is full, and when it resets in the organisation's time zone."""
    limit = f"{_WHOSE[window.span]} limit of {quantity(window.limit)} {name}"
    return f"{limit} is reached. Further use is refused until {_reset(window, zone)}."


def describe_tight_window(name: str, window: Window, zone: str) -> str:
    """Say how much of a meter's window is used, and when it resets in the organisation's time zone."""
    limit = f"{_WHOSE[window.span].lower()} limit of {quantity(window.limit)} {name}"
    return f"{window.percent} % of {limit} used. It resets at {_reset(window, zone)}."


def _reset(window: Window, zone: str) -> str:
    at = format_datetime(window.resets_at, "d MMM, HH:mm", tzinfo=ZoneInfo(zone), locale="en")
    return f"{at} {zone}"
