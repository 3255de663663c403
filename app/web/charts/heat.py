"""Heat maps: a table in which larger figures have a darker ground. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from app.web.filters import quantity

LEVELS = 5


@dataclass(frozen=True)
class HeatCell:
    """A figure, how dark it is (0 for nothing, to 5), and what it says."""

    value: Decimal
    level: int
    title: str


@dataclass(frozen=True)
class HeatRow:
    """A row and the sum of its cells."""

    label: str
    cells: list[HeatCell]
    total: Decimal


@dataclass(frozen=True)
class HeatMap:
    """Rows and columns with their sums; all of either add up to `total`."""

    head: list[str]
    rows: list[HeatRow]
    foot: list[Decimal]
    total: Decimal


def draw_heat_map(rows: Sequence[tuple[str, Sequence[Decimal]]], head: Sequence[str], unit: str) -> HeatMap:
    """Darkness is a fifth of the largest figure a step: little is 1, nothing is 0."""
    most = max((value for _, values in rows for value in values), default=Decimal(0))
    return HeatMap(
        head=list(head),
        rows=[
            HeatRow(
                label,
                [
                    HeatCell(value, _level(value, most), f"{label}, {column}: {quantity(value)} {unit}")
                    for column, value in zip(head, values, strict=True)
                ],
                sum(values, Decimal(0)),
            )
            for label, values in rows
        ],
        foot=[sum((values[i] for _, values in rows), Decimal(0)) for i in range(len(head))],
        total=sum((value for _, values in rows for value in values), Decimal(0)),
    )


def _level(value: Decimal, most: Decimal) -> int:
    return int((value / most * LEVELS).to_integral_value(ROUND_CEILING)) if value > 0 else 0
