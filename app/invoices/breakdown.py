"""What the rating returned, as a line stores it and as it is read back: decimal text, amounts in exact minor units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.kit.money import ZERO, plain
from app.rating import Rated, TierLine
from app.rating.bounds import Bound

_WRITTEN = 6
"""Of the numbers of a tier, those that its subtotal follows from."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A rated quantity: `included` and `excess` in units of the meter, `units` as they are priced."""

    included: Decimal
    excess: Decimal
    units: Decimal
    tiers: Sequence[TierLine]
    bound: Bound | None


def store_rating(rated: Rated) -> dict[str, Any]:
    """Turn a rating into what a line stores. A tier is a list of its numbers, as `TierLine.write` has them."""
    excess = plain(rated.excess)
    return {
        "included": plain(rated.included),
        "excess": excess,
        "units": excess if rated.units is rated.excess else plain(rated.units),
        "lines": [tier.write() for tier in rated.lines],
        "bound": {"kind": rated.bound.kind, "subtotal": plain(rated.bound.subtotal)} if rated.bound else None,
    }


def read_breakdown(stored: Mapping[str, Any]) -> Breakdown | None:
    """Read a stored breakdown; None for a line that nothing was rated for."""
    if "lines" not in stored:
        return None
    bound = stored["bound"]
    return Breakdown(
        Decimal(stored["included"]),
        Decimal(stored["excess"]),
        Decimal(stored["units"]),
        [_read_tier(tier) for tier in stored["lines"]],
        Bound(bound["kind"], Decimal(bound["subtotal"])) if bound else None,
    )


def write_number(value: Decimal | None) -> str | None:
    """Decimal text, as terms and breakdowns hold it; None is unlimited, or none."""
    return None if value is None else plain(value)


def read_number(text: str | int | None) -> Decimal | None:
    """Read decimal text of terms or properties."""
    return None if text is None else Decimal(text)


def _read_tier(tier: Sequence[str | None]) -> TierLine:
    start, end, quantity, unit_amount, flat_amount, block_size = map(read_number, tier[:_WRITTEN])
    return TierLine(start or ZERO, end, quantity or ZERO, unit_amount or ZERO, flat_amount or ZERO, block_size)
