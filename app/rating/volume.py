"""volume: the whole quantity at the price of the tier that it falls in.

Example: tiers 1,000 at "0.01", then "0.005"; 1,000 units are 1,000 cents, 1,001 units are 500.5 cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.rating.charge import TierLine
from app.rating.graduated import read_unit_tier
from app.rating.reader import Reader
from app.rating.tiers import Tier, falls_in, read_tiers


@dataclass(frozen=True, slots=True)
class Volume:
    """Tiers of units, of which one applies."""

    tiers: tuple[Tier, ...]

    def lines(self, quantity: Decimal) -> list[TierLine]:
        floor, tier = falls_in(self.tiers, quantity)
        return [TierLine(floor, tier.up_to, quantity, tier.unit_amount, tier.flat_amount)]


def read(reader: Reader) -> Volume:
    """Keys: tiers."""
    return Volume(read_tiers(reader, read_unit_tier))
