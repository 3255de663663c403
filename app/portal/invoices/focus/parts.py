"""Takes a line apart into what has one unit price each, so that price times quantity is the cost. Pure.

What a line was rated by is read from its stored breakdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from app.invoices.breakdown import Breakdown, read_breakdown
from app.invoices.models import USAGE as USAGE_LINE
from app.kit.money import ZERO, exactly, plain, round_fraction
from app.portal.invoices.explain.steps import name_tier
from app.portal.invoices.lines import UsageLine
from app.rating import TierLine
from app.rating.bounds import MINIMUM

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class LinePart:
    """What a row says of a line, in minor units: `cost` is exact, and `price` x `priced`; `billed` is what is billed.

    `consumed` is None for what is no usage, such as a flat amount. `price` is None for a bound. `price_key` tells the
    part's price from the others of its charge. `block` is the size of what is priced, where that is not one unit.
    """

    words: str
    cost: Decimal
    price: Decimal | None = None
    priced: Decimal | None = None
    consumed: Decimal | None = None
    block: Decimal | None = None
    price_key: str = ""
    details: tuple[tuple[str, str], ...] = ()
    billed: int = 0


def take_apart(line: UsageLine) -> Sequence[LinePart]:
    """The parts of a line that usage was rated for when its period was closed; none for any other line.

    Their exact costs add up to the line's, what is billed of them to what it comes to after discounts.
    """
    breakdown = read_breakdown(line.row.breakdown)
    if line.row.kind != USAGE_LINE or line.note is not None or breakdown is None:
        return ()
    with exactly():
        parts = list(_list_parts(line, breakdown))
        if sum((part.cost for part in parts), ZERO) != line.row.exact_amount:
            return ()
    return _bill(parts, line.row.amount - line.row.discount, line.row.exact_amount)


def _list_parts(line: UsageLine, breakdown: Breakdown) -> Iterator[LinePart]:
    if breakdown.included:
        yield LinePart("included", ZERO, ZERO, breakdown.included, breakdown.included, price_key="included")
    divided = breakdown.units != breakdown.excess
    left = breakdown.excess
    for tier in breakdown.tiers:
        consumed = left if divided else tier.quantity
        left = ZERO
        yield from _list_tier(line.rated_by.model, tier, consumed)
    if breakdown.bound is not None:
        raised = breakdown.bound.kind == MINIMUM
        yield LinePart("raised to the minimum" if raised else "lowered to the maximum", breakdown.bound.subtotal)


def _list_tier(model: str, tier: TierLine, consumed: Decimal) -> Iterator[LinePart]:
    """The units of a tier, then its flat amount."""
    name = name_tier(model, tier)
    name = name[0].lower() + name[1:]
    start = plain(tier.start)
    details = (("x_Model", model), ("x_From", start), *((("x_To", plain(tier.end)),) if tier.end is not None else ()))
    if tier.quantity or consumed or tier.unit_amount:
        yield LinePart(
            name, tier.blocks * tier.unit_amount, tier.unit_amount, tier.blocks, consumed, tier.block_size,
            f"from-{start}", details,
        )  # fmt: skip
    if tier.flat_amount:
        yield LinePart(
            name if model == "flat" else f"{name}, flat amount", tier.flat_amount, tier.flat_amount, _ONE,
            price_key=f"flat-from-{start}", details=details,
        )  # fmt: skip


def _bill(parts: Sequence[LinePart], net: int, exact: Decimal) -> list[LinePart]:
    """Share out what is billed by cost, in whole minor units; the costliest part takes what rounding leaves.

    Worked example: costs of 10.4 and 20.4 billed at 31 are 10 and 21.
    """
    if not parts:
        return []
    shares = [round_fraction(Fraction(part.cost) * net / Fraction(exact)) if exact else 0 for part in parts]
    most = max(range(len(parts)), key=lambda place: abs(parts[place].cost))
    shares[most] += net - sum(shares)
    return [replace(part, billed=share) for part, share in zip(parts, shares, strict=True)]
