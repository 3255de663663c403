"""Geometry of server-drawn charts: pure functions from figures to percentages. The macro only writes them down.

Positions are percentages of the plot, with two decimals, from the top left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from app.web.filters import compact, quantity

GAP = Decimal("0.28")  # of a bar's slot, left empty
MAX_LABELS = 8
WIDEST = Decimal(6)  # per cent of the plot, some 48 pixels: one bar of a few is no wall


@dataclass(frozen=True)
class Tick:
    """One line of the scale."""

    y: Decimal
    label: str


@dataclass(frozen=True)
class AxisLabel:
    """A word under the plot; a `minor` one is left out on small screens."""

    x: Decimal
    text: str
    anchor: str = "middle"
    minor: bool = False


@dataclass(frozen=True)
class Bar:
    """One rectangle; `title` says its figure."""

    x: Decimal
    y: Decimal
    width: Decimal
    height: Decimal
    tone: int
    title: str


@dataclass(frozen=True)
class Line:
    """The points of a polyline, and of the area under it when wanted."""

    points: str
    area: str | None
    tone: int


@dataclass(frozen=True)
class Mark:
    """A dashed upright: where a period starts, or today."""

    x: Decimal
    title: str


@dataclass(frozen=True)
class Series:
    """One named row of figures, one a label, none below zero."""

    name: str
    values: Sequence[Decimal]
    tone: int = 1


@dataclass(frozen=True)
class Chart:
    """What the macros of components/chart.html draw."""

    ticks: list[Tick]
    labels: list[AxisLabel]
    legend: list[tuple[int, str]]
    table_head: list[str]
    table: list[list[str | Decimal]]
    bars: list[Bar]
    lines: list[Line]
    marks: list[Mark]


def bars(labels: Sequence[str], series: Sequence[Series], *, head: str = "Day", marks: Sequence[int] = ()) -> Chart:
    """Columns over the labels, the series stacked upon one another in their order; `marks` are indexes of labels."""
    tops = [sum((one.values[i] for one in series), Decimal(0)) for i in range(len(labels))]
    scale = nice_scale(max(tops, default=Decimal(0)))
    slot = _slot(labels)
    drawn: list[Bar] = []
    for i, label in enumerate(labels):
        foot = Decimal(0)
        for one in series:
            value = one.values[i]
            if value > 0:
                drawn.append(_bar(label, one, value, x=slot * i, slot=slot, foot=foot, top=scale[-1]))
            foot += value
    return _chart(labels, series, scale, head, bars=drawn, marks=marks)


def lines(
    labels: Sequence[str], series: Sequence[Series], *, head: str = "Day", area: bool = False, marks: Sequence[int] = ()
) -> Chart:
    """One line a series over the labels; `area` shades below the first."""
    scale = nice_scale(max((value for one in series for value in one.values), default=Decimal(0)))
    slot = _slot(labels)
    drawn = []
    for order, one in enumerate(series):
        points = [f"{_two(slot * i + slot / 2)},{_y(value, scale[-1])}" for i, value in enumerate(one.values)]
        shaded = area and order == 0 and bool(points)
        first, last = _two(slot / 2), _two(slot * len(one.values) - slot / 2)
        under = " ".join([f"{first},100", *points, f"{last},100"]) if shaded else None
        drawn.append(Line(" ".join(points), under, one.tone))
    return _chart(labels, series, scale, head, lines=drawn, marks=marks)


def nice_scale(top: Decimal, steps: int = 4) -> list[Decimal]:
    """Round marks from 0 to at least `top`, `steps` or fewer apart: 8,200 gives 0, 2,500, 5,000, 7,500, 10,000."""
    if top <= 0:
        return [Decimal(0), Decimal(1)]
    raw = top / steps
    power = Decimal(1).scaleb(raw.adjusted())
    step = next(power * nice for nice in (1, 2, Decimal("2.5"), 5, 10) if power * nice >= raw)
    count = int((top / step).to_integral_value(ROUND_CEILING))
    return [step * i for i in range(count + 1)]


def _chart(
    labels: Sequence[str], series: Sequence[Series], scale: list[Decimal], head: str,
    *, bars: Sequence[Bar] = (), lines: Sequence[Line] = (), marks: Sequence[int],
) -> Chart:  # fmt: skip
    slot = _slot(labels)
    return Chart(
        ticks=[Tick(_y(value, scale[-1]), compact(value).striptags()) for value in scale],
        labels=_axis(labels, slot),
        legend=[(one.tone, one.name) for one in series] if len(series) > 1 else [],
        table_head=[head, *(one.name for one in series)],
        table=[[label, *(one.values[i] for one in series)] for i, label in enumerate(labels)],
        bars=list(bars),
        lines=list(lines),
        marks=[Mark(_two(slot * i), labels[i]) for i in marks if i < len(labels)],
    )


def _bar(label: str, one: Series, value: Decimal, *, x: Decimal, slot: Decimal, foot: Decimal, top: Decimal) -> Bar:
    height = _two(value / top * 100)
    width = min(slot * (1 - GAP), WIDEST)
    return Bar(
        x=_two(x + (slot - width) / 2),
        y=_y(foot + value, top),
        width=_two(width),
        height=max(height, Decimal("0.5")),
        tone=one.tone,
        title=f"{label}: {quantity(value)} {one.name}",
    )


def _slot(labels: Sequence[str]) -> Decimal:
    return Decimal(100) / max(len(labels), 1)


def _axis(labels: Sequence[str], slot: Decimal) -> list[AxisLabel]:
    every = -(-len(labels) // MAX_LABELS) or 1
    shown = range(0, len(labels), every)
    return [
        AxisLabel(_two(slot * i + slot / 2), labels[i], minor=order % 2 == 1 and len(shown) > 4)
        for order, i in enumerate(shown)
    ]


def _y(value: Decimal, top: Decimal) -> Decimal:
    return _two(100 - value / top * 100)


def _two(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))
