"""The two questions asked of every charge: what does this quantity cost, and what would the next unit cost."""

from __future__ import annotations

from decimal import Decimal

from app.kit.money import ZERO, exactly, round_half_away
from app.rating.charge import ONE, Charge, Rated


def price(charge: Charge, quantity: Decimal, allowance: Decimal | None = ZERO) -> Rated:
    """Price a quantity of a period (rule 2.5). Pure; exact; rounds once, at the end.

    The allowance is taken off first and None is an unlimited one, as in a plan. A negative quantity is the mirror of
    its absolute value. Zero left to price still bills the flat amount of a first tier.

    Example: graduated, 1,000 units at $0.01, then $0.005; 2,500 used, allowance 500: 1,000 + 500 = 1,500 cents.
    """
    if allowance is not None and allowance < 0:
        raise ValueError("an allowance is not negative")
    with exactly():
        size = abs(quantity)
        included = size if allowance is None else min(size, allowance)
        lines = charge.lines(size - included)
        if quantity < 0:
            lines, included = [line.mirrored() for line in lines], -included
        amount = sum((line.subtotal for line in lines), ZERO)
        return Rated(quantity, included, quantity - included, amount, round_half_away(amount), tuple(lines))


def marginal(charge: Charge, used: Decimal, allowance: Decimal | None = ZERO) -> Decimal:
    """What the next whole unit adds to the amount, exact, in minor units; below zero where more units are cheaper."""
    with exactly():
        return price(charge, used + ONE, allowance).amount - price(charge, used, allowance).amount
