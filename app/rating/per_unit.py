"""per_unit: the same amount for every unit; a fraction of a unit costs that fraction.

Example: unit_amount "0.01", 250.5 units: exactly 250.5 cents, 251 on the invoice line.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.rating.charge import TierLine
from app.rating.reader import Reader


@dataclass(frozen=True, slots=True)
class PerUnit:
    """`unit_amount` in minor units."""

    unit_amount: Decimal

    def lines(self, quantity: Decimal) -> list[TierLine]:
        return [TierLine(ZERO, None, quantity, self.unit_amount)]


def read_per_unit(reader: Reader) -> PerUnit:
    """Keys: unit_amount."""
    return PerUnit(reader.unit_amount("unit_amount"))
