"""What a change at once costs, by our own formula, which checks the payment provider's preview. Pure.

Same interval: a credit for the unused part of each line that was billed, and a charge for the rest of the period, both
by the second. Other interval: that credit, and one whole new period. Amounts are after discounts and before tax; each
is rounded once, halves away from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from app.kit.money import round_fraction
from app.kit.periods import Period


@dataclass(frozen=True, slots=True)
class BilledLine:
    """What was billed for a period: its amount after discounts, in minor units."""

    amount: int
    period: Period


@dataclass(frozen=True, slots=True)
class ChangeDiscount:
    """A discount of the subscription that holds now: a percentage, or an amount in minor units of its currency."""

    percent_off: Fraction | None = None
    amount_off: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeCost:
    """Credits (each below zero or zero) and the charge, in minor units, before tax."""

    credits: tuple[int, ...]
    charge: int

    @property
    def total(self) -> int:
        """What is to be paid, below zero where the credits are greater."""
        return sum(self.credits) + self.charge


def calculate_change(
    billed: Sequence[BilledLine],
    price: int,
    discounts: Sequence[ChangeDiscount],
    at: datetime,
    rest: Period | None,
    *,
    step: int = 1,
) -> ChangeCost:
    """The cost of a change at `at`. `rest` is the running billing period; None: a whole new period of `price`.

    `step` is what the currency's lines are rounded to (`kit.money.line_step`).

    Worked example: 19.00 billed for 30 days, changed to 49.00 halfway: -9.50 and 24.50.
    """
    discounted = discount_price(price, discounts)
    charge = discounted if rest is None else discounted * _share_left(rest, at)
    credited = tuple(-round_fraction(line.amount * _share_left(line.period, at), step) for line in billed)
    return ChangeCost(credited, round_fraction(charge, step))


def discount_price(price: int | Fraction, discounts: Sequence[ChangeDiscount]) -> Fraction:
    """A price after discounts, one after the other, never below zero; exact."""
    left = Fraction(price)
    for discount in discounts:
        if discount.percent_off is not None:
            left -= left * discount.percent_off / 100
        left = max(Fraction(0), left - (discount.amount_off or 0))
    return left


def is_drift(ours: int, theirs: int, step: int = 1) -> bool:
    """Whether a preview differs from our formula by more than rounding, which is one `step`."""
    return abs(ours - theirs) > step


def _share_left(period: Period, at: datetime) -> Fraction:
    """The part of the period that is left at `at`, by whole seconds."""
    left = Fraction(int((period.end - at).total_seconds()), period.seconds)
    return min(Fraction(1), max(Fraction(0), left))
