"""minimum and maximum: bounds of a charge's exact amount for one usage period, before credits and tax.

Example: minimum "5.00"; 100 units at "0.01" are 100 cents and a line of 400 cents more.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from app.kit.money import exactly
from app.rating.reader import Reader

MINIMUM, MAXIMUM = "minimum", "maximum"
WHOLE = Fraction(1)
_PLACES = 12


@dataclass(frozen=True, slots=True)
class Bound:
    """The line of a breakdown that lifts an amount to the minimum, or lowers it to the maximum (`subtotal` below 0)."""

    kind: str
    subtotal: Decimal

    def mirrored(self) -> Bound:
        """Return the bound for the negated quantity."""
        return Bound(self.kind, -self.subtotal)


@dataclass(frozen=True, slots=True)
class Bounds:
    """In whole minor units; None: no bound."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def apply(self, amount: Decimal, portion: Fraction) -> Bound | None:
        """What an amount that is not negative lacks or exceeds; None within the bounds.

        `portion` of the minimum is owed: 1 for a whole period, the share of its seconds for one that was cut short, 0
        where none is owed. The maximum is never reduced.
        """
        if self.minimum is None and self.maximum is None:
            return None
        with exactly():
            if self.minimum is not None and amount < (least := _share(self.minimum, portion)):
                return Bound(MINIMUM, least - amount)
            if self.maximum is not None and amount > self.maximum:
                return Bound(MAXIMUM, self.maximum - amount)
        return None


UNBOUNDED = Bounds()


def _share(amount: Decimal, portion: Fraction) -> Decimal:
    """Part of whole minor units, to twelve places: finer than any share of a year's seconds can come to half a unit."""
    parts, of = int(amount) * portion.numerator * 10**_PLACES, portion.denominator
    return Decimal((2 * parts + of) // (2 * of)).scaleb(-_PLACES)


def read_bounds(reader: Reader) -> Bounds:
    """Keys: minimum, maximum; whole minor units, the minimum not above the maximum."""
    bounds = Bounds(reader.optional_amount(MINIMUM), reader.optional_amount(MAXIMUM))
    if bounds.minimum is not None and bounds.maximum is not None and bounds.minimum > bounds.maximum:
        reader.add_error(MINIMUM, "must not be above the maximum")
    return bounds
