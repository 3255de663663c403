"""Draws the way from the allowance to the amount: a bar for each tier, which begins where the one before ends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.invoices.breakdown import read_breakdown
from app.portal.invoices.explain.steps import name_tier
from app.portal.invoices.lines import UsageLine
from app.statements.wording import format_exact
from app.web.filters import quantity

_WHOLE = Decimal(100)
_LEAST = Decimal("0.4")


@dataclass(frozen=True, slots=True)
class TierBar:
    """A bar in percent of the amount before bounds, with what it stands for."""

    label: str
    amount: str
    x: Decimal
    width: Decimal


def build_tier_bars(line: UsageLine) -> Sequence[TierBar]:
    """The bars of a rated quantity; none where nothing is owed for it, or where it is below zero.

    Worked example: 1,000 calls at $0.01 and 1,000 at $0.005: bars 0 to 66.67 and 66.67 to 100 percent.
    """
    breakdown = read_breakdown(line.row.breakdown)
    tiers = breakdown.tiers if breakdown else ()
    total = sum((tier.subtotal for tier in tiers), Decimal(0))
    if breakdown is None or total <= 0 or any(tier.subtotal < 0 for tier in tiers):
        return ()
    currency, bars, reached = line.row.currency, [], Decimal(0)
    if breakdown.included:
        bars.append(TierBar(f"Included: {quantity(breakdown.included)}", format_exact(Decimal(0), currency), reached,
                            Decimal(0)))  # fmt: skip
    for tier in tiers:
        width = _percent(tier.subtotal, total)
        label = f"{name_tier(line.rated_by.model, tier)}: {quantity(tier.quantity)}"
        bars.append(TierBar(label, format_exact(tier.subtotal, currency), _percent(reached, total),
                            max(width, _LEAST) if tier.subtotal else width))  # fmt: skip
        reached += tier.subtotal
    return bars


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return (part * _WHOLE / whole).quantize(Decimal("0.01"))
