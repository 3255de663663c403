"""Types shared by all pricing models: the charge, a line of its breakdown, and the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from app.kit.money import ZERO, exactly

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class TierLine:
    """One tier's share of an amount. Bounds and `quantity` are in units of the meter, amounts in exact minor units.

    subtotal = `blocks` x `unit_amount` + `flat_amount`. `blocks` is the quantity itself or, under `package`, the number
    of blocks of `per` units, counting a partial block as a whole one. `end` is inclusive; None means no upper bound.
    """

    start: Decimal
    end: Decimal | None
    quantity: Decimal
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO
    per: Decimal | None = None

    @property
    def blocks(self) -> Decimal:
        """How many times the unit amount is charged."""
        if self.per is None:
            return self.quantity
        with exactly():
            whole, rest = divmod(abs(self.quantity), self.per)
            started = whole + ONE if rest else whole
            return started.copy_sign(self.quantity)

    @property
    def subtotal(self) -> Decimal:
        """What this tier adds to the amount."""
        with exactly():
            return self.blocks * self.unit_amount + self.flat_amount

    def mirrored(self) -> TierLine:
        """Return the tier for the negated quantity."""
        return replace(self, quantity=-self.quantity, flat_amount=-self.flat_amount)


class Charge(Protocol):
    """A charge under one pricing model. Immutable; amounts in exact minor units."""

    def lines(self, quantity: Decimal) -> list[TierLine]:
        """The tiers that a quantity reaches; never empty. The quantity is at least 0, with the allowance subtracted.

        Must run under `kit.money.exactly`, as it does when called by `price`.
        """


@dataclass(frozen=True, slots=True)
class Rated:
    """A priced quantity. `amount` is exact, `rounded` is the amount on an invoice line; both in minor units.

    `quantity` = `included` (covered by the allowance) + `excess` (priced). The subtotals of `lines` add up to `amount`.
    """

    quantity: Decimal
    included: Decimal
    excess: Decimal
    amount: Decimal
    rounded: int
    lines: tuple[TierLine, ...]
