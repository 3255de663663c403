"""percentage and graduated_percentage: a share of a quantity that is itself money, in major units of the currency.

Rates are percentages. 2.9 % of $1.00 is 2.9 cents, so a rate is a unit amount in minor units per major unit, and the
arithmetic is that of `graduated`. The fixed fee is billed once per period, as the flat amount of a single tier.

Example: rate "2.9", fixed_fee "0.30"; quantity 200 (dollars): 200 x 2.9 + 30 = 610 cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.kit.money import ZERO
from app.rating.charge import TierLine
from app.rating.graduated import Graduated
from app.rating.reader import Reader
from app.rating.tiers import Tier, read_tiers


@dataclass(frozen=True, slots=True)
class Percentage:
    """`rate` in minor units per major unit, `fixed_fee` in minor units."""

    rate: Decimal
    fixed_fee: Decimal

    def lines(self, quantity: Decimal) -> list[TierLine]:
        return [TierLine(ZERO, None, quantity, self.rate, self.fixed_fee)]


class GraduatedPercentage(Graduated):
    """Tiers over an amount of money; a tier's unit amount is its rate."""


def read_percentage(reader: Reader) -> Percentage:
    """Keys: rate, fixed_fee (default "0")."""
    return Percentage(reader.rate("rate"), reader.money("fixed_fee", ZERO))


def read_graduated_percentage(reader: Reader) -> GraduatedPercentage:
    """Keys: tiers, each with up_to, rate and flat_amount (default "0")."""
    return GraduatedPercentage(
        read_tiers(reader, lambda row, up_to: Tier(up_to, row.rate("rate"), row.money("flat_amount", ZERO)))
    )
