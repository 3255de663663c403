"""per: unit amounts written for many units at once, such as "0.15" per 1,000,000 tokens."""

from __future__ import annotations

from decimal import Decimal

from app.rating.charge import ONE
from app.rating.reader import Reader

UNIT_PRICED = ("per_unit", "graduated", "volume")
"""The models whose price is an amount for each unit."""
_MOST = 10**9
_MOST_FACTORS = 30  # a number below 2**30 has no more


def read_per(reader: Reader, model: str) -> Decimal:
    """Key: per, a product of 2s and 5s, so that the amount of one unit stays an exact decimal."""
    if not reader.has("per"):
        return ONE
    per = reader.quantity("per")
    if model not in UNIT_PRICED:
        reader.add_error("per", f"scales unit amounts, which {model} does not have")
    elif not _is_product_of_2_and_5(per):
        reader.add_error("per", "must be a product of 2s and 5s of at most 1000000000, such as 1000")
    else:
        return per
    return ONE


def _is_product_of_2_and_5(number: Decimal) -> bool:
    if not 1 <= number <= _MOST or number != number.to_integral_value():
        return False
    multiple: int = 10**_MOST_FACTORS
    return multiple % int(number) == 0
