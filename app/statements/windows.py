"""Limits by the minute, hour and day: how full the open window is, and the words for it. Pure.

Windows come on top of the period's limit and refuse by themselves, whatever the policy above the allowance.
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
    """The open window of a span (minute, hour or day) of the org's clock; a new one begins at `resets_at`."""

    span: str
    limit: Decimal
    used: Decimal
    resets_at: datetime

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return self.used >= self.limit


def windows_of(found: Sequence[Sequence[Any]] | None) -> tuple[Window, ...]:
    """What a statement found, as [span, limit, used, end] in text; none where no window limits."""
    return tuple(
        Window(span, Decimal(limit), Decimal(used), datetime.fromisoformat(end))
        for span, limit, used, end in found or ()
    )


def said(windows: Sequence[Window]) -> str | None:
    """The line below a bar: "At most 500 a day: 320 used today." None without windows."""
    found = [
        f"At most {quantity(each.limit)} {EACH[each.span]}: {quantity(each.used)} used {_SO_FAR[each.span]}."
        for each in windows
    ]
    return " ".join(found) or None


def reached(name: str, window: Window, zone: str) -> str:
    """That a meter's window is full, and until when, in the org's zone."""
    until = format_datetime(window.resets_at, "d MMM, HH:mm", tzinfo=ZoneInfo(zone), locale="en")
    limit = f"{_WHOSE[window.span]} limit of {quantity(window.limit)} {name}"
    return f"{limit} is reached; further use is refused until {until} {zone}."
