"""volume: the whole quantity at the price of the tier it falls in.

Example: tiers 1,000 at "0.01", then "0.005"; 1,000 units cost 1,000 cents, 1,001 units cost 500.5 cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.rating.charge import TierLine
from app.rating.graduated import read_unit_tier
from app.rating.reader import Reader
from app.rating.tiers import Tier, find_tier, read_tiers


@dataclass(frozen=True, slots=True)
class Volume:
    """Tiers of units, only one of which applies."""

    tiers: tuple[Tier, ...]

    def lines(self, quantity: Decimal) -> list[TierLine]:
        floor, tier = find_tier(self.tiers, quantity)
        return [TierLine(floor, tier.up_to, quantity, tier.unit_amount, tier.flat_amount)]


def read_volume(reader: Reader) -> Volume:
    """Keys: tiers."""
    return Volume(read_tiers(reader, read_unit_tier))
