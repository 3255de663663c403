"""What charts are made of, and the round marks of their scales. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Tick:
    """A line of the scale."""

    y: Decimal
    label: str


@dataclass(frozen=True)
class AxisLabel:
    """A label under the plot; `minor` ones are hidden on small screens."""

    x: Decimal
    text: str
    anchor: str = "middle"
    minor: bool = False


@dataclass(frozen=True)
class Line:
    """The points of a polyline, and of the shaded area under it, if any."""

    points: str
    area: str | None
    tone: int


@dataclass(frozen=True)
class Mark:
    """A dashed vertical line: the start of a period, or today."""

    x: Decimal
    title: str


def nice_scale(top: Decimal, steps: int = 4) -> list[Decimal]:
    """Round marks from 0 to at least `top` in at most `steps` steps: 8,200 gives 0, 2,500, 5,000, 7,500, 10,000."""
    if top <= 0:
        return [Decimal(0), Decimal(1)]
    smallest = top / steps
    power = Decimal(1).scaleb(smallest.adjusted())
    step = next(power * nice for nice in (1, 2, Decimal("2.5"), 5, 10) if power * nice >= smallest)
    count = int((top / step).to_integral_value(ROUND_CEILING))
    return [step * i for i in range(count + 1)]


def two(value: Decimal) -> Decimal:
    """A position: two decimals."""
    return value.quantize(_HUNDREDTH)
