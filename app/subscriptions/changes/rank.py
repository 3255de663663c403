"""Ranks plans: by monthly price in the organisation's currency, then by the catalogue's order. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class PlanPrices:
    """A plan as it is ranked: its prices in one currency by interval, in minor units, and its place in the catalogue.

    The default plan has no price and ranks as one of zero.
    """

    key: str
    place: int
    prices: Mapping[str, int]
    is_default: bool = False


def rank_plan(plan: PlanPrices) -> tuple[Fraction, int, str]:
    """The rank of a plan that has a price: a greater one is a higher plan.

    Worked example: 19.00 a month ranks above 190.00 a year without a monthly price, which is 15.83 a month.
    """
    return find_monthly_price(plan) or Fraction(0), plan.place, plan.key


def find_monthly_price(plan: PlanPrices) -> Fraction | None:
    """The price of a month, exact, in minor units; of a plan that is sold by the year alone, a twelfth of it."""
    for interval, months in _MONTHS.items():
        if interval in plan.prices:
            return Fraction(plan.prices[interval], months)
    return Fraction(0) if plan.is_default else None
