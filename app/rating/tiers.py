"""Tiers with a unit amount and a flat amount. `up_to` is inclusive and cumulative; the last tier has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from app.kit.money import ZERO
from app.rating.reader import Reader


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier; amounts in minor units."""

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal

    def contains(self, quantity: Decimal) -> bool:
        """Whether a quantity above the previous tiers is within this one. Any fraction above the bound is not."""
        return self.up_to is None or quantity <= self.up_to


def iterate_with_floors(tiers: Sequence[Tier]) -> Iterator[tuple[Decimal, Tier]]:
    """Yield every tier with the bound that it starts above."""
    floor = ZERO
    for tier in tiers:
        yield floor, tier
        floor = tier.up_to or floor


def find_tier(tiers: Sequence[Tier], quantity: Decimal) -> tuple[Decimal, Tier]:
    """The tier that contains the whole quantity, with its floor."""
    return next((floor, tier) for floor, tier in iterate_with_floors(tiers) if tier.contains(quantity))


def read_tiers(reader: Reader, read: Callable[[Reader, Decimal | None], Tier]) -> tuple[Tier, ...]:
    """Read the key `tiers`. Bounds must increase, and only the last tier is open-ended."""
    rows = reader.rows("tiers")
    tiers = tuple(read(row, row.bound("up_to")) for row in rows)
    if not any(row.errors for row in rows):
        _check_bounds(rows, tiers)
    for row in rows:
        reader.errors += row.collect_errors()
    return tiers


def _check_bounds(rows: Sequence[Reader], tiers: Sequence[Tier]) -> None:
    for index, (before, tier) in enumerate(pairwise(tiers)):
        if before.up_to is None:
            rows[index].add_error("up_to", "is missing; only the last tier is open-ended")
        elif tier.up_to is not None and tier.up_to <= before.up_to:
            rows[index + 1].add_error("up_to", "must be above that of the previous tier")
    if tiers and tiers[-1].up_to is not None:
        rows[-1].add_error("up_to", "must be left out: the last tier is open-ended")
