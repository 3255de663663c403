"""graduated: each tier prices the units that fall within it, and adds its flat amount once it is reached.

Example: tiers 1,000 at "0.01" with flat "5", then "0.005"; 2,000 units: 500 + 1,000 + 500 = 2,000 cents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.kit.money import ZERO, exactly
from app.rating.charge import TierLine
from app.rating.reader import Reader
from app.rating.tiers import Tier, iterate_with_floors, read_tiers


@dataclass(frozen=True, slots=True)
class Graduated:
    """Tiers of units. `_filled` has the line of each when filled, which never differs; that of the last is empty."""

    tiers: tuple[Tier, ...]
    _filled: tuple[TierLine, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_filled", tuple(_fill(self.tiers)))

    def lines(self, quantity: Decimal) -> list[TierLine]:
        """One line per tier reached. The first tier is always reached."""
        lines: list[TierLine] = []
        floor = ZERO
        for filled in self._filled:
            if filled.end is None or quantity < filled.end:
                return [*lines, filled.holding(quantity - floor)]
            lines.append(filled)
            if quantity == filled.end:
                break
            floor = filled.end
        return lines


def _fill(tiers: Sequence[Tier]) -> Iterator[TierLine]:
    with exactly():
        for floor, tier in iterate_with_floors(tiers):
            within = ZERO if tier.up_to is None else tier.up_to - floor
            yield TierLine(floor, tier.up_to, within, tier.unit_amount, tier.flat_amount)


def read_unit_tier(reader: Reader, up_to: Decimal | None) -> Tier:
    """Keys of a tier: up_to, unit_amount, flat_amount (default "0")."""
    return Tier(up_to, reader.unit_amount("unit_amount"), reader.money("flat_amount", ZERO))


def read_graduated(reader: Reader) -> Graduated:
    """Keys: tiers."""
    return Graduated(read_tiers(reader, read_unit_tier))
