"""Splits a whole amount by weight without losing or creating a minor unit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from app.kit.money import exactly


def split(total: int, weights: Sequence[Decimal]) -> list[int]:
    """Split `total` minor units by weight with the largest-remainder method; the parts sum to exactly `total`.

    Every part is within one unit of its exact share; the first of equal remainders wins. Weights that sum to zero
    (a base fee without usage) split equally. A negative total mirrors its absolute value.

    Example: 100 over 1, 1, 1 is 34, 33, 33.
    """
    if not weights:
        if total:
            raise ValueError("no weights to split the amount by")
        return []
    whole = _as_integers(weights)
    if sum(whole) == 0:
        whole = [1] * len(whole)
    if sum(whole) < 0:
        whole = [-weight for weight in whole]
    parts = _largest_remainder(abs(total), whole)
    return parts if total >= 0 else [-part for part in parts]


def _as_integers(weights: Sequence[Decimal]) -> list[int]:
    places = max(0, *(-_exponent(weight) for weight in weights), 0)
    with exactly():
        return [int(weight.scaleb(places)) for weight in weights]


def _exponent(weight: Decimal) -> int:
    exponent = weight.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{weight} is not a number")  # noqa: TRY004  # NaN is a Decimal: the value is wrong, not the type
    return exponent


def _largest_remainder(total: int, weights: list[int]) -> list[int]:
    whole = sum(weights)
    shares = [divmod(total * weight, whole) for weight in weights]
    parts = [floor for floor, _ in shares]
    order = sorted(range(len(shares)), key=lambda index: (-shares[index][1], index))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts
