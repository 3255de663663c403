"""A running total over time: what was used, the limit, the forecast with its range. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from app.web.charts.parts import AxisLabel, Tick, nice_scale, two
from app.web.filters import compact

_ZERO, _HUNDRED = Decimal(0), Decimal(100)
_MICROSECOND = timedelta(microseconds=1)
_EDGE, _TOP, _MIDDLE, _RIGHT = Decimal(3), Decimal(12), Decimal(50), Decimal(75)
_TALLEST = 2
"""How many times the limit and the forecast the range may reach before it is cut off."""


class ChartTotal(NamedTuple):
    """A total at an instant; with `low` and `high`, a forecast's range."""

    at: datetime
    total: Decimal
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A point with a short text beside it, `below` it or above; `anchor` says which end of the text is at the point."""

    x: Decimal
    y: Decimal
    text: str
    anchor: str
    below: bool = False


@dataclass(frozen=True, slots=True)
class RunningChart:
    """What the macro running_chart draws. `legend` pairs a class with its words; table cells of None are empty."""

    ticks: list[Tick]
    labels: list[AxisLabel]
    legend: list[tuple[str, str]]
    table_head: list[str]
    table: list[list[str | Decimal | None]]
    past: str
    area: str
    ahead: str | None
    range: str | None
    limit: Note | None
    today: Note
    meeting: Note | None


@dataclass(frozen=True)
class Plot:
    """The plot: [start, end) across, 0 to `top` upwards."""

    start: datetime
    end: datetime
    top: Decimal

    @cached_property
    def _length(self) -> Decimal:
        return Decimal((self.end - self.start) // _MICROSECOND)

    def x(self, at: datetime) -> Decimal:
        """Where an instant is; inside the plot."""
        gone = Decimal((at - self.start) // _MICROSECOND) / self._length
        return two(max(_ZERO, min(_HUNDRED, gone * 100)))

    def y(self, value: Decimal) -> Decimal:
        """Where a total is; what is above the plot is at its top."""
        return two(_HUNDRED - min(value, self.top) / self.top * 100)

    def line(self, levels: Sequence[tuple[datetime, Decimal]]) -> str:
        """The points of a line."""
        return " ".join(f"{self.x(at)},{self.y(value)}" for at, value in levels)


def scale_for(past: Sequence[ChartTotal], ahead: Sequence[ChartTotal], limit: Decimal | None) -> list[Decimal]:
    """Round marks up to what must be seen: all totals, the limit, and the range unless it dwarfs them."""
    seen = max([each.total for each in (*past, *ahead)] + [limit or Decimal(0)])
    highest = max((each.high for each in ahead if each.high is not None), default=Decimal(0))
    return nice_scale(max(seen, min(highest, seen * _TALLEST)))


def place_limit(plot: Plot, limit: Decimal, text: str, meeting: datetime | None, used: Decimal) -> Note:
    """The limit's text stands at the end of its line where the total does not meet it."""
    right = used >= limit or (meeting is not None and plot.x(meeting) < _MIDDLE)
    y = plot.y(limit)
    return Note(_HUNDRED if right else Decimal(0), y, text, "end" if right else "start", below=y < _TOP)


def place_note(plot: Plot, at: datetime, value: Decimal, text: str) -> Note:
    """A text right of its point, or left of it where the plot ends."""
    x, y = plot.x(at), plot.y(value)
    left = x > _RIGHT
    return Note(x, y, text, "end" if left else "start", below=not left or y < _TOP)


def draw_range(plot: Plot, ahead: Sequence[ChartTotal]) -> str | None:
    """The outline of the range: its upper edge, then the lower one back; None without one."""
    high = [(each.at, each.high) for each in ahead if each.high is not None]
    low = [(each.at, each.low) for each in ahead if each.low is not None]
    return f"{plot.line(high)} {plot.line(low[::-1])}" if high else None


def draw_running_chart(
    past: Sequence[ChartTotal], ahead: Sequence[ChartTotal], *, end: datetime, limit: tuple[Decimal, str] | None,
    meeting: tuple[datetime, str] | None, labels: Sequence[tuple[datetime, str]],
    rows: Sequence[Sequence[str | Decimal | None]],
) -> RunningChart:  # fmt: skip
    """Draw totals from the first of `past` to `end`. `ahead` begins where `past` ends.

    `limit` and `meeting` have their words; `labels` are instants named under the plot; `rows` are the table's, with as
    many cells as the forecast has figures.
    """
    scale = scale_for(past, ahead, limit[0] if limit else None)
    plot = Plot(past[0].at, end, scale[-1])
    used = plot.line([(each.at, each.total) for each in past])
    now = past[-1]
    ranged = draw_range(plot, ahead)
    return RunningChart(
        ticks=[Tick(plot.y(value), compact(value).striptags()) for value in scale],
        labels=_place_labels(plot, labels),
        legend=[("used", "Used"), *[("ahead", "Forecast")] * bool(ahead), *[("range", "8 in 10")] * bool(ranged)],
        table_head=["By the end of", "Used", *["Forecast"] * bool(ahead), *["At least", "At most"] * bool(ranged)],
        table=[list(row) for row in rows],
        past=used,
        area=f"{plot.x(past[0].at)},100 {used} {plot.x(now.at)},100",
        ahead=plot.line([(each.at, each.total) for each in ahead]) or None,
        range=ranged,
        limit=place_limit(plot, *limit, meeting[0] if meeting else None, now.total) if limit else None,
        today=place_note(plot, now.at, now.total, "Today"),
        meeting=place_note(plot, meeting[0], limit[0], meeting[1]) if meeting and limit else None,
    )


def _place_labels(plot: Plot, labels: Sequence[tuple[datetime, str]]) -> list[AxisLabel]:
    places = [(plot.x(at), text) for at, text in labels]
    return [
        AxisLabel(x, text, "start" if x < _EDGE else "middle", minor=order % 2 == 1)
        for order, (x, text) in enumerate(places)
    ]
