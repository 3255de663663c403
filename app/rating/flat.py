"""flat: one amount per period, whatever the quantity.

Example: amount "49" is 4,900 cents for 0 units and for 1,000,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.rating.charge import TierLine
from app.rating.reader import Reader


@dataclass(frozen=True, slots=True)
class Flat:
    """`amount` in minor units."""

    amount: Decimal

    def lines(self, quantity: Decimal) -> list[TierLine]:
        return [TierLine(ZERO, None, quantity, flat_amount=self.amount)]


def read_flat(reader: Reader) -> Flat:
    """Keys: amount."""
    return Flat(reader.money("amount"))
