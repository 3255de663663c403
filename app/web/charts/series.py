"""Columns, lines and waterfalls over labels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.web.charts.parts import AxisLabel, Line, Mark, Tick, nice_scale, two
from app.web.filters import compact, quantity

GAP = Decimal("0.28")  # share of a bar's slot that stays empty
MAX_LABELS = 8
WIDEST = Decimal(6)  # per cent of the plot, about 48 pixels: a bar among few must not fill its slot


@dataclass(frozen=True)
class Bar:
    """A rectangle; `title` states its figure."""

    x: Decimal
    y: Decimal
    width: Decimal
    height: Decimal
    tone: int
    title: str


@dataclass(frozen=True)
class Series:
    """A named series of figures, one per label, none negative."""

    name: str
    values: Sequence[Decimal]
    tone: int = 1


@dataclass(frozen=True)
class Chart:
    """Everything that the macros in components/chart.html draw."""

    ticks: list[Tick]
    labels: list[AxisLabel]
    legend: list[tuple[int, str]]
    table_head: list[str]
    table: list[list[str | Decimal]]
    bars: list[Bar]
    lines: list[Line]
    marks: list[Mark]


def bars(labels: Sequence[str], series: Sequence[Series], *, head: str = "Day", marks: Sequence[int] = ()) -> Chart:
    """Columns over the labels, with the series stacked in order; `marks` are indexes of labels."""
    tops = [sum((entry.values[i] for entry in series), Decimal(0)) for i in range(len(labels))]
    scale = nice_scale(max(tops, default=Decimal(0)))
    slot = _slot(labels)
    shapes: list[Bar] = []
    for i, label in enumerate(labels):
        base = Decimal(0)
        for entry in series:
            value = entry.values[i]
            if value > 0:
                shapes.append(_bar(label, entry, value, x=slot * i, slot=slot, base=base, top=scale[-1]))
            base += value
    return _chart(labels, series, scale, head, bars=shapes, marks=marks)


def lines(
    labels: Sequence[str], series: Sequence[Series], *, head: str = "Day", area: bool = False, marks: Sequence[int] = ()
) -> Chart:
    """One line per series over the labels; `area` shades below the first."""
    scale = nice_scale(max((value for entry in series for value in entry.values), default=Decimal(0)))
    slot = _slot(labels)
    shapes = []
    for order, entry in enumerate(series):
        points = [f"{two(slot * i + slot / 2)},{_y(value, scale[-1])}" for i, value in enumerate(entry.values)]
        shaded = area and order == 0 and bool(points)
        first, last = two(slot / 2), two(slot * len(entry.values) - slot / 2)
        under = " ".join([f"{first},100", *points, f"{last},100"]) if shaded else None
        shapes.append(Line(" ".join(points), under, entry.tone))
    return _chart(labels, series, scale, head, lines=shapes, marks=marks)


@dataclass(frozen=True)
class WaterfallStep:
    """A step of a waterfall: a level where `total`, else what is added to the level before. `words` is the figure."""

    name: str
    value: Decimal
    words: str
    tone: int = 1
    total: bool = False


def waterfall(steps: Sequence[WaterfallStep]) -> Chart:
    """Columns that rise and fall from one level to the next; levels are never below zero."""
    spans: list[tuple[Decimal, Decimal]] = []
    level = Decimal(0)
    for step in steps:
        base, level = (Decimal(0) if step.total else level), (step.value if step.total else level + step.value)
        spans.append((min(base, level), max(base, level)))
    scale = nice_scale(max((high for _, high in spans), default=Decimal(0)))
    labels = [step.name for step in steps]
    slot = _slot(labels)
    shapes = [
        Bar(
            x=two(slot * i + slot * GAP / 2),
            y=_y(high, scale[-1]),
            width=two(slot * (1 - GAP)),
            height=max(two((high - low) / scale[-1] * 100), Decimal("0.5")),
            tone=step.tone,
            title=f"{step.name}: {step.words}",
        )
        for i, (step, (low, high)) in enumerate(zip(steps, spans, strict=True))
        if high > low
    ]
    return _chart(labels, [], scale, "", bars=shapes, marks=())


def _chart(
    labels: Sequence[str], series: Sequence[Series], scale: list[Decimal], head: str,
    *, bars: Sequence[Bar] = (), lines: Sequence[Line] = (), marks: Sequence[int],
) -> Chart:  # fmt: skip
    slot = _slot(labels)
    return Chart(
        ticks=[Tick(_y(value, scale[-1]), compact(value).striptags()) for value in scale],
        labels=_axis(labels, slot),
        legend=[(entry.tone, entry.name) for entry in series] if len(series) > 1 else [],
        table_head=[head, *(entry.name for entry in series)],
        table=[[label, *(entry.values[i] for entry in series)] for i, label in enumerate(labels)],
        bars=list(bars),
        lines=list(lines),
        marks=[Mark(two(slot * i), labels[i]) for i in marks if i < len(labels)],
    )


def _bar(label: str, entry: Series, value: Decimal, *, x: Decimal, slot: Decimal, base: Decimal, top: Decimal) -> Bar:
    height = two(value / top * 100)
    width = min(slot * (1 - GAP), WIDEST)
    return Bar(
        x=two(x + (slot - width) / 2),
        y=_y(base + value, top),
        width=two(width),
        height=max(height, Decimal("0.5")),
        tone=entry.tone,
        title=f"{label}: {quantity(value)} {entry.name}",
    )


def _slot(labels: Sequence[str]) -> Decimal:
    return Decimal(100) / max(len(labels), 1)


def _axis(labels: Sequence[str], slot: Decimal) -> list[AxisLabel]:
    every = -(-len(labels) // MAX_LABELS) or 1
    shown = range(0, len(labels), every)
    return [
        AxisLabel(two(slot * i + slot / 2), labels[i], minor=order % 2 == 1 and len(shown) > 4)
        for order, i in enumerate(shown)
    ]


def _y(value: Decimal, top: Decimal) -> Decimal:
    return two(100 - value / top * 100)
