"""package: a price per block of units, full or partial, after the free units.

Example: size "100", price "5", free_units "50"; 151 units: 101 beyond the free ones, 2 blocks, 1,000 cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.rating.charge import TierLine
from app.rating.reader import Reader


@dataclass(frozen=True, slots=True)
class Package:
    """`size` and `free_units` in units; `price` per block in minor units."""

    size: Decimal
    price: Decimal
    free_units: Decimal

    def lines(self, quantity: Decimal) -> list[TierLine]:
        free = min(quantity, self.free_units)
        blocks = TierLine(self.free_units, None, quantity - free, self.price, block_size=self.size)
        return [TierLine(ZERO, self.free_units, free), blocks] if self.free_units else [blocks]


def read_package(reader: Reader) -> Package:
    """Keys: size (above 0), price, free_units (default "0")."""
    size = reader.quantity("size")
    if size == 0 and not reader.errors:
        reader.add_error("size", "must be above 0")
    return Package(size, reader.money("price"), reader.quantity("free_units", ZERO))
