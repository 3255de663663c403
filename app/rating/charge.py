"""Types shared by all pricing models: the charge, a line of its breakdown, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from msgspec import Struct
from msgspec.structs import force_setattr

from app.kit.money import ZERO, exactly, multiply_add, plain
from app.rating.bounds import UNBOUNDED, Bound, Bounds
from app.rating.division import UNDIVIDED, Division

ONE = Decimal(1)


class TierLine(Struct, frozen=True, eq=False):
    """One tier's share of an amount. Bounds and `quantity` are in priced units, amounts in exact minor units.

    subtotal = `blocks` x `unit_amount` + `flat_amount`. `blocks` is the quantity itself or, under `package`, the number
    of blocks of `block_size` units, counting a partial block as a whole one. `end` is inclusive; None means no upper
    bound. `subtotal` is what the tier adds to the amount.
    """

    start: Decimal
    end: Decimal | None
    quantity: Decimal
    unit_amount: Decimal = ZERO
    flat_amount: Decimal = ZERO
    block_size: Decimal | None = None
    subtotal: Decimal = ZERO
    _written: tuple[str | None, ...] | None = None

    def __post_init__(self) -> None:
        blocks = self.quantity if self.block_size is None else self.blocks
        force_setattr(self, "subtotal", multiply_add(blocks, self.unit_amount, self.flat_amount))

    @property
    def blocks(self) -> Decimal:
        """How many times the unit amount is charged."""
        if self.block_size is None:
            return self.quantity
        with exactly():
            whole, rest = divmod(abs(self.quantity), self.block_size)
            started = whole + ONE if rest else whole
            return started.copy_sign(self.quantity)

    def write(self) -> tuple[str | None, ...]:
        """All numbers as decimal text, in the order of the fields. Kept: those of a filled tier never differ."""
        if self._written is None:
            numbers = (self.start, self.end, self.quantity, self.unit_amount, self.flat_amount, self.block_size)
            texts = tuple([None if number is None else plain(number) for number in (*numbers, self.subtotal)])
            force_setattr(self, "_written", texts)
            return texts
        return self._written

    def holding(self, quantity: Decimal) -> TierLine:
        """Return the tier for another quantity. Of its numbers, only those that differ are written anew."""
        line = TierLine(self.start, self.end, quantity, self.unit_amount, self.flat_amount, self.block_size)
        start, end, _, unit_amount, flat_amount, block_size, _ = self.write()
        subtotal = plain(line.subtotal)
        force_setattr(line, "_written", (start, end, plain(quantity), unit_amount, flat_amount, block_size, subtotal))
        return line

    def mirrored(self) -> TierLine:
        """Return the tier for the negated quantity."""
        return TierLine(self.start, self.end, -self.quantity, self.unit_amount, -self.flat_amount, self.block_size)


class PricingModel(Protocol):
    """How priced units become an amount. Immutable; amounts in exact minor units."""

    def lines(self, quantity: Decimal) -> list[TierLine]:
        """The tiers that a quantity reaches; never empty. The quantity is at least 0, allowance and division applied.

        Must run under `kit.money.exactly`, as it does when called by `price`.
        """


@dataclass(frozen=True, slots=True)
class Charge:
    """What usage of a meter costs. `step` is what a line is rounded to, in minor units of its currency.

    `per` is how many units a unit amount was written for; the model's unit amounts are for one.
    """

    pricing: PricingModel
    division: Division = UNDIVIDED
    bounds: Bounds = UNBOUNDED
    per: Decimal = ONE
    step: int = 1


class Rated(Struct, frozen=True, eq=False):
    """A priced quantity. `amount` is exact, `rounded` is the amount on an invoice line; both in minor units.

    `quantity` = `included` (covered by the allowance) + `excess`, in units of the meter; `units` is the excess as it is
    priced, divided. The subtotals of `lines`, with that of `bound` where there is one, add up to `amount`.
    """

    quantity: Decimal
    included: Decimal
    excess: Decimal
    units: Decimal
    amount: Decimal
    rounded: int
    lines: tuple[TierLine, ...]
    bound: Bound | None = None
