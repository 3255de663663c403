"""Stacked columns, with the period before as a ghost behind them and a limit as a line. Pure.

A part is told by its pattern as well as by its tone. The columns' table has every figure, also what is below zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from app.web.charts.parts import AxisLabel, Mark, Tick, nice_scale, two
from app.web.charts.series import GAP, WIDEST, place_labels
from app.web.filters import compact, quantity

OTHERS, NOT_GIVEN = "6", "none"
_GHOST = Decimal("1.25")  # of a column's width
_FAR = 3  # times the highest column: a limit above it would flatten the columns


@dataclass(frozen=True)
class ColumnPart:
    """A named part of every column. `tone` is "1" to "5", OTHERS or NOT_GIVEN; `href`: what its name opens."""

    name: str
    values: Sequence[Decimal]
    tone: str
    href: str | None = None


@dataclass(frozen=True)
class Block:
    """A rectangle; one of no height is not drawn."""

    x: Decimal
    y: Decimal
    width: Decimal
    height: Decimal


@dataclass(frozen=True)
class Layer:
    """A part of all columns."""

    tone: str
    bars: list[Block]


@dataclass(frozen=True)
class Area:
    """The ground of a column, as high as the plot: it says the figures, and a press opens `href`."""

    x: Decimal
    width: Decimal
    title: str
    href: str | None


@dataclass(frozen=True)
class LegendEntry:
    """A line of the legend."""

    tone: str
    name: str
    href: str | None = None


@dataclass(frozen=True)
class LimitLine:
    """A horizontal line; its text stands `below` it where there is no room above."""

    y: Decimal
    text: str
    below: bool


@dataclass(frozen=True)
class ColumnChart:
    """Everything that `column_chart` in components/chart.html draws."""

    ticks: list[Tick]
    labels: list[AxisLabel]
    entries: list[LegendEntry]
    table_head: list[str]
    table: list[list[str | Decimal]]
    layers: list[Layer]
    ghost: list[Block]
    limit: LimitLine | None
    areas: list[Area]
    marks: list[Mark]


def draw_columns(
    labels: Sequence[str],
    parts: Sequence[ColumnPart],
    *,
    head: str = "Day",
    ghost: tuple[str, Sequence[Decimal]] | None = None,
    limit: tuple[Decimal, str] | None = None,
    hrefs: Sequence[str | None] = (),
    marks: Sequence[int] = (),
) -> ColumnChart:
    """Columns over the labels, the first part at the bottom; `ghost` is a name and a figure for each label.

    `limit` is drawn unless it is far above all columns. `hrefs`: what each column opens.
    """
    heights = [sum((max(part.values[i], Decimal(0)) for part in parts), Decimal(0)) for i in range(len(labels))]
    highest = max([*heights, *(ghost[1] if ghost else ())], default=Decimal(0))
    line = limit if limit and highest > 0 and limit[0] <= highest * _FAR else None
    top = nice_scale(max(highest, line[0]) if line else highest)
    slot = Decimal(100) / max(len(labels), 1)
    return ColumnChart(
        ticks=[Tick(_y(value, top[-1]), compact(value).striptags()) for value in top],
        labels=place_labels(labels),
        entries=_entries(parts, ghost),
        table_head=[head, *(part.name for part in parts), *_more(parts, ghost)],
        table=[_figures(label, i, parts, ghost) for i, label in enumerate(labels)],
        layers=_stack(parts, len(labels), slot, top[-1]),
        ghost=[_ghost(i, slot, value, top[-1]) for i, value in enumerate(ghost[1])] if ghost else [],
        limit=LimitLine(_y(line[0], top[-1]), line[1], line[0] > top[-1] * 9 / 10) if line else None,
        areas=[
            Area(two(slot * i), two(slot), _title(label, i, parts, ghost), hrefs[i] if hrefs else None)
            for i, label in enumerate(labels)
        ],
        marks=[Mark(two(slot * i), labels[i]) for i in marks if i < len(labels)],
    )


def _entries(parts: Sequence[ColumnPart], ghost: tuple[str, Sequence[Decimal]] | None) -> list[LegendEntry]:
    named = [LegendEntry(part.tone, part.name, part.href) for part in parts] if len(parts) > 1 else []
    return named + ([LegendEntry("ghost", ghost[0])] if ghost else [])


def _more(parts: Sequence[ColumnPart], ghost: tuple[str, Sequence[Decimal]] | None) -> list[str]:
    return (["Total"] if len(parts) > 1 else []) + ([ghost[0]] if ghost else [])


def _figures(
    label: str, i: int, parts: Sequence[ColumnPart], ghost: tuple[str, Sequence[Decimal]] | None
) -> list[str | Decimal]:
    values = [part.values[i] for part in parts]
    total = [sum(values, Decimal(0))] if len(parts) > 1 else []
    return [label, *values, *total, *([ghost[1][i]] if ghost else [])]


def _stack(parts: Sequence[ColumnPart], count: int, slot: Decimal, top: Decimal) -> list[Layer]:
    bases = [Decimal(0)] * count
    layers = []
    for part in parts:
        layers.append(Layer(part.tone, [_block(i, slot, part.values[i], bases[i], top) for i in range(count)]))
        bases = [base + max(value, Decimal(0)) for base, value in zip(bases, part.values, strict=True)]
    return layers


def _block(i: int, slot: Decimal, value: Decimal, base: Decimal, top: Decimal) -> Block:
    width = min(slot * (1 - GAP), WIDEST)
    high, low = _y(base + max(value, Decimal(0)), top), _y(base, top)
    return Block(two(slot * i + (slot - width) / 2), high, two(width), low - high)


def _ghost(i: int, slot: Decimal, value: Decimal, top: Decimal) -> Block:
    """Wider than the column before it, so that it shows on both sides."""
    block = _block(i, slot, value, Decimal(0), top)
    wider = two(block.width * _GHOST)
    return replace(block, x=block.x - (wider - block.width) / 2, width=wider)


def _title(label: str, i: int, parts: Sequence[ColumnPart], ghost: tuple[str, Sequence[Decimal]] | None) -> str:
    before = f". {ghost[0]}: {quantity(ghost[1][i])}" if ghost else ""
    if len(parts) == 1:
        return f"{label}: {quantity(parts[0].values[i])} {parts[0].name}{before}"
    total = quantity(sum((part.values[i] for part in parts), Decimal(0)))
    said = ", ".join(f"{part.name} {quantity(part.values[i])}" for part in parts if part.values[i])
    return f"{label}: {total} ({said}){before}" if said else f"{label}: {total}{before}"


def _y(value: Decimal, top: Decimal) -> Decimal:
    return two(100 - value / top * 100)
