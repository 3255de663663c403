"""Prices a quantity under a charge, and the next unit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from app.kit.money import ZERO, exactly, round_half_away
from app.rating.bounds import WHOLE
from app.rating.charge import ONE, Charge, Rated


def price(
    charge: Charge, quantity: Decimal, allowance: Decimal | None = ZERO, *, minimum_portion: Fraction = WHOLE
) -> Rated:
    """Price a quantity used in a period (rule 2.5). Pure and exact; rounds once, at the end.

    The allowance is subtracted first; None is unlimited, as in a plan. What is left is divided, priced by the model and
    held between minimum and maximum; `minimum_portion` says how much of the minimum the period owes. A negative
    quantity mirrors its absolute value. A first tier's flat amount is billed even when nothing is left to price.

    Example: graduated, 1,000 units at $0.01, then $0.005; 2,500 used, allowance 500: 1,000 + 500 = 1,500 cents.
    """
    if allowance is not None and allowance < 0:
        raise ValueError("an allowance cannot be negative")
    with exactly():
        size = abs(quantity)
        included = size if allowance is None or size < allowance else allowance
        excess = size - included
        units = charge.division.apply(excess)
        lines = charge.pricing.lines(units)
        amount = ZERO
        for line in lines:
            amount += line.subtotal
        bound = charge.bounds.apply(amount, minimum_portion)
        amount += bound.subtotal if bound else ZERO
        if quantity < 0:
            lines, included = [line.mirrored() for line in lines], -included
            excess, units = -excess, -units
            bound, amount = bound and bound.mirrored(), -amount
        rounded = round_half_away(amount, charge.step)
        return Rated(quantity, included, excess, units, amount, rounded, tuple(lines), bound)


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """A price as people say it: `amount`, in minor units, for every `units` units of the meter."""

    amount: Decimal
    units: Decimal


def overage_price(charge: Charge) -> UnitPrice | None:
    """What the first units above the allowance cost, as the charge was written; None where they have no unit price."""
    with exactly():
        line = charge.pricing.lines(ZERO)[-1]
        units = (line.block_size or ONE) * charge.per * (charge.division.by or ONE)
        return UnitPrice(line.unit_amount * charge.per, units) if line.unit_amount else None


def marginal_price(charge: Charge, used: Decimal, allowance: Decimal | None = ZERO) -> Decimal:
    """The exact amount that the next whole unit adds, in minor units. Negative where using more costs less."""
    with exactly():
        return price(charge, used + ONE, allowance).amount - price(charge, used, allowance).amount
