"""Prices a quantity under a charge, and the next unit."""

from __future__ import annotations

from decimal import Decimal

from app.kit.money import ZERO, exactly, round_half_away
from app.rating.charge import ONE, Charge, Rated


def price(charge: Charge, quantity: Decimal, allowance: Decimal | None = ZERO) -> Rated:
    """Price a quantity used in a period (rule 2.5). Pure and exact; rounds once, at the end.

    The allowance is subtracted first; None is unlimited, as in a plan. A negative quantity mirrors its absolute value.
    A first tier's flat amount is billed even when nothing is left to price.

    Example: graduated, 1,000 units at $0.01, then $0.005; 2,500 used, allowance 500: 1,000 + 500 = 1,500 cents.
    """
    if allowance is not None and allowance < 0:
        raise ValueError("an allowance cannot be negative")
    with exactly():
        size = abs(quantity)
        included = size if allowance is None else min(size, allowance)
        lines = charge.lines(size - included)
        if quantity < 0:
            lines, included = [line.mirrored() for line in lines], -included
        amount = sum((line.subtotal for line in lines), ZERO)
        return Rated(quantity, included, quantity - included, amount, round_half_away(amount), tuple(lines))


def marginal_price(charge: Charge, used: Decimal, allowance: Decimal | None = ZERO) -> Decimal:
    """The exact amount that the next whole unit adds, in minor units. Negative where using more costs less."""
    with exactly():
        return price(charge, used + ONE, allowance).amount - price(charge, used, allowance).amount
