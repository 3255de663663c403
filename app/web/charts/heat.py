"""Heat maps: a table in which larger figures have a darker ground. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from babel.numbers import format_compact_decimal

from app.web.filters import quantity

LEVELS = 5
_SHORT = 10_000  # from here on without a decimal


@dataclass(frozen=True)
class HeatCell:
    """A figure, how dark it is (0 for nothing, to 5), and what it says."""

    value: Decimal
    level: int
    title: str

    @property
    def short(self) -> str:
        """The figure from 1,000 on as 1.2K; – for nothing."""
        return shorten(self.value)


@dataclass(frozen=True)
class HeatRow:
    """A row and the sum of its cells."""

    label: str
    cells: list[HeatCell]
    total: HeatCell


@dataclass(frozen=True)
class HeatMap:
    """Rows and columns with their sums; all of either add up to `total`."""

    head: list[str]
    rows: list[HeatRow]
    foot: list[HeatCell]
    total: HeatCell


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
                _sum(values),
            )
            for label, values in rows
        ],
        foot=[_sum([values[i] for _, values in rows]) for i in range(len(head))],
        total=_sum([value for _, values in rows for value in values]),
    )


def _sum(values: Sequence[Decimal]) -> HeatCell:
    return HeatCell(sum(values, Decimal(0)), 0, "")


def shorten(value: Decimal) -> str:
    """A figure in about four characters; – for nothing."""
    if not value:
        return "–"
    words: str = format_compact_decimal(value, locale="en", fraction_digits=1 if abs(value) < _SHORT else 0)
    return words


def _level(value: Decimal, most: Decimal) -> int:
    return int((value / most * LEVELS).to_integral_value(ROUND_CEILING)) if value > 0 else 0
