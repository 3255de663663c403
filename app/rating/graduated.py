"""graduated: each tier prices the units that fall within it, and adds its flat amount once it is reached.

Example: tiers 1,000 at "0.01" with flat "5", then "0.005"; 2,000 units: 500 + 1,000 + 500 = 2,000 cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.rating.charge import TierLine
from app.rating.reader import Reader
from app.rating.tiers import Tier, iterate_with_floors, read_tiers


@dataclass(frozen=True, slots=True)
class Graduated:
    """Tiers of units."""

    tiers: tuple[Tier, ...]

    def lines(self, quantity: Decimal) -> list[TierLine]:
        return graduated_lines(self.tiers, quantity)


def graduated_lines(tiers: tuple[Tier, ...], quantity: Decimal) -> list[TierLine]:
    """One line per tier reached. The first tier is always reached."""
    lines = []
    for floor, tier in iterate_with_floors(tiers):
        within = quantity - floor if tier.up_to is None else min(quantity, tier.up_to) - floor
        lines.append(TierLine(floor, tier.up_to, within, tier.unit_amount, tier.flat_amount))
        if tier.contains(quantity):
            break
    return lines


def read_unit_tier(reader: Reader, up_to: Decimal | None) -> Tier:
    """Keys of a tier: up_to, unit_amount, flat_amount (default "0")."""
    return Tier(up_to, reader.unit_amount("unit_amount"), reader.money("flat_amount", ZERO))


def read_graduated(reader: Reader) -> Graduated:
    """Keys: tiers."""
    return Graduated(read_tiers(reader, read_unit_tier))
