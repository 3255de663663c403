"""stairstep: one price for the band that the quantity falls in.

Example: bands up to 100 for "10" and up to 500 for "40"; 100 units cost 1,000 cents, 100.5 units cost 4,000 cents.
A first band with up_to "0" and flat_amount "0" makes zero usage free.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.rating.charge import TierLine
from app.rating.reader import Reader
from app.rating.tiers import Tier, find_tier, read_tiers


@dataclass(frozen=True, slots=True)
class Stairstep:
    """Bands; their unit amounts are zero."""

    tiers: tuple[Tier, ...]

    def lines(self, quantity: Decimal) -> list[TierLine]:
        floor, band = find_tier(self.tiers, quantity)
        return [TierLine(floor, band.up_to, quantity, flat_amount=band.flat_amount)]


def read_stairstep(reader: Reader) -> Stairstep:
    """Keys: tiers, each with up_to and flat_amount."""
    return Stairstep(read_tiers(reader, lambda row, up_to: Tier(up_to, ZERO, row.money("flat_amount"))))
