"""What every pricing model shares: the shape of a charge, of a line of its breakdown, and of the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from app.kit.money import ZERO, exactly

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class TierLine:
    """One tier's part of an amount. Bounds and `quantity` are in units of the meter, amounts in minor units, exact.

    subtotal = `blocks` x `unit_amount` + `flat_amount`, where `blocks` is the quantity itself or, under `package`,
    the begun blocks of `per` units. `end` is inclusive; None has no end.
    """

    start: Decimal
    end: Decimal | None
    quantity: Decimal
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO
    per: Decimal | None = None

    @property
    def blocks(self) -> Decimal:
        """How often the unit amount is due."""
        if self.per is None:
            return self.quantity
        with exactly():
            whole, rest = divmod(abs(self.quantity), self.per)
            begun = whole + ONE if rest else whole
            return begun.copy_sign(self.quantity)

    @property
    def subtotal(self) -> Decimal:
        """What this tier adds to the amount."""
        with exactly():
            return self.blocks * self.unit_amount + self.flat_amount

    def mirrored(self) -> TierLine:
        """The same tier for the negative quantity."""
        return replace(self, quantity=-self.quantity, flat_amount=-self.flat_amount)


class Charge(Protocol):
    """A charge under one pricing model: frozen, amounts in exact minor units."""

    def lines(self, quantity: Decimal) -> list[TierLine]:
        """The tiers that a quantity (zero or more, the allowance already taken off) enters; never empty.

        Runs under `kit.money.exactly`, as `price` calls it.
        """


@dataclass(frozen=True, slots=True)
class Rated:
    """A priced quantity. `amount` is exact, `rounded` is what an invoice line says; both in minor units.

    `quantity` = `included` (covered by the allowance) + `excess` (priced); the lines' subtotals add up to `amount`.
    """

    quantity: Decimal
    included: Decimal
    excess: Decimal
    amount: Decimal
    rounded: int
    lines: tuple[TierLine, ...]
