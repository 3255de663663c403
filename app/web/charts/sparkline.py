"""A sparkline: a column a day, without axes, as one path. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

HEIGHT = 10
"""Of the drawing, whose columns are one unit apart; the page stretches it."""
_LEAST = Decimal("0.4")


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The path of `days` columns, and what they show in words."""

    path: str
    days: int
    words: str


def draw_sparkline(values: Sequence[Decimal], words: str) -> Sparkline:
    """Draw a column a value, the tallest of full height; what is above 0 is never too low to see, 0 has no column."""
    top = max(values, default=Decimal(0))
    columns = [
        f"M{i} {HEIGHT}v-{max((value / top * HEIGHT).quantize(Decimal('0.1')), _LEAST)}h.7V{HEIGHT}z"
        for i, value in enumerate(values)
        if value > 0
    ]
    return Sparkline("".join(columns), len(values), words)
