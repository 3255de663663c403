"""divide_by and round: usage priced in larger units than it is counted in, rounded to whole ones once for the period.

Example: divide_by 1024, round "up"; 1,025 megabytes are 2 gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from app.rating.reader import Reader

ROUNDINGS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "up": lambda rest, _: rest > 0,
    "down": lambda *_: False,
    "half": lambda rest, by: 2 * rest >= by,
}
"""Whether the rest of a division counts as one unit more."""


@dataclass(frozen=True, slots=True)
class Division:
    """`by` None leaves quantities as they are; otherwise `rounding` is a key of `ROUNDINGS`."""

    by: Decimal | None = None
    rounding: str = "up"

    def apply(self, quantity: Decimal) -> Decimal:
        """The priced units of a quantity that is not negative. Must run under `kit.money.exactly`."""
        if self.by is None:
            return quantity
        whole, rest = divmod(quantity, self.by)
        return whole + ROUNDINGS[self.rounding](rest, self.by)


UNDIVIDED = Division()


def read_division(reader: Reader, model: str) -> Division:
    """Keys: divide_by (above 0) and, with it, round."""
    if not reader.has("divide_by") and not reader.has("round"):
        return UNDIVIDED
    by, rounding = reader.quantity("divide_by"), reader.choice("round", ROUNDINGS)
    if model == "flat":
        reader.add_error("divide_by", "has no effect: a flat amount does not depend on the quantity")
    elif reader.has("divide_by") and by == 0 and not reader.errors:
        reader.add_error("divide_by", "must be above 0")
    return Division(by, rounding)
