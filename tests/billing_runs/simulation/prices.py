"""Rule 2.5 a second time, in fractions, from the TOML of a charge. Imports nothing of the product.

Amounts are exact fractions of minor units. A charge is the table of a catalogue: numbers as text or int.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any

PLACES = {"USD": 2, "EUR": 2, "JPY": 0}
Charge = dict[str, Any]


def line_amount(charge: Charge, currency: str, used: Fraction, allowance: Fraction | None, share: Fraction) -> int:
    """What a line says: the exact amount within its bounds, rounded half away from zero."""
    minor = 10 ** PLACES[currency]
    amount = exact_amount(charge, currency, used, allowance)
    if "minimum" in charge:
        amount = max(amount, Fraction(charge["minimum"]) * minor * share)
    if "maximum" in charge:
        amount = min(amount, Fraction(charge["maximum"]) * minor)
    return floor(amount + Fraction(1, 2))


def exact_amount(charge: Charge, currency: str, used: Fraction, allowance: Fraction | None) -> Fraction:
    """Before the bounds."""
    above = Fraction(0) if allowance is None else max(Fraction(0), used - allowance)
    return _MODELS[charge["model"]](charge, _divided(charge, above)) * 10 ** PLACES[currency]


def is_dearer(before: tuple[Charge | None, Fraction | None], after: tuple[Charge | None, Fraction | None]) -> bool:
    """Whether some use costs more after than before, bounds aside; each is a charge and the allowance below it."""
    (then, had), (now, has) = before, after
    if now is None:
        return False
    if then is not None and any(then.get(key) != now.get(key) for key in ("divide_by", "round")):
        return True
    if Fraction(now.get("minimum", 0)) > Fraction((then or {}).get("minimum", 0)):
        return True
    if then is not None and "maximum" in then and Fraction(now.get("maximum", 10**15)) > Fraction(then["maximum"]):
        return True
    return _rises((then, had), (now, has))


def _rises(before: tuple[Charge | None, Fraction | None], after: tuple[Charge | None, Fraction | None]) -> bool:
    def cost(side: tuple[Charge | None, Fraction | None], used: Fraction) -> Fraction:
        return exact_amount(side[0], "USD", used, side[1]) if side[0] else Fraction(0)

    edges = [edge for side in (before, after) for edge in _edges(side[0])]
    floors = {side[1] or Fraction(0) for side in (before, after)}
    tried = {base + edge + step for base in floors for edge in edges for step in (0, Fraction(1, 10**6), 1)}
    return any(cost(after, used) > cost(before, used) for used in tried)


def _edges(charge: Charge | None) -> Iterator[Fraction]:
    yield from (Fraction(10**power) for power in range(13))
    yield Fraction(0)
    by = Fraction((charge or {}).get("divide_by", 1))
    for found in [charge or {}, *(charge or {}).get("tiers", [])]:
        for key in ("up_to", "size", "free_units"):
            if key in found:
                yield Fraction(found[key]) * by


def _divided(charge: Charge, units: Fraction) -> Fraction:
    if "divide_by" not in charge:
        return units
    parts = units / Fraction(charge["divide_by"])
    return Fraction({"up": ceil(parts), "down": floor(parts), "half": floor(parts + Fraction(1, 2))}[charge["round"]])


def _tier(charge: Charge, units: Fraction) -> Charge:
    """The tier that holds the whole quantity."""
    return next(tier for tier in charge["tiers"] if "up_to" not in tier or units <= Fraction(tier["up_to"]))


def _graduated(charge: Charge, units: Fraction, rate: Callable[[Charge], Fraction]) -> Fraction:
    amount, below = Fraction(0), Fraction(0)
    for number, tier in enumerate(charge["tiers"]):
        if number and units <= below:
            break
        top = min(units, Fraction(tier["up_to"])) if "up_to" in tier else units
        amount += (top - below) * rate(tier) + Fraction(tier.get("flat_amount", 0))
        below = Fraction(tier.get("up_to", 0))
    return amount


def _unit(charge: Charge, table: Charge) -> Fraction:
    return Fraction(table["unit_amount"]) / Fraction(charge.get("per", 1))


def _package(charge: Charge, units: Fraction) -> Fraction:
    above = max(Fraction(0), units - Fraction(charge.get("free_units", 0)))
    return ceil(above / Fraction(charge["size"])) * Fraction(charge["price"])


def _volume(charge: Charge, units: Fraction) -> Fraction:
    tier = _tier(charge, units)
    return units * _unit(charge, tier) + Fraction(tier.get("flat_amount", 0))


_MODELS: dict[str, Callable[[Charge, Fraction], Fraction]] = {
    "flat": lambda charge, _: Fraction(charge["amount"]),
    "per_unit": lambda charge, units: units * _unit(charge, charge),
    "graduated": lambda charge, units: _graduated(charge, units, lambda tier: _unit(charge, tier)),
    "volume": _volume,
    "package": _package,
    "stairstep": lambda charge, units: Fraction(_tier(charge, units)["flat_amount"]),
    "percentage": lambda charge, units: units * Fraction(charge["rate"]) / 100 + Fraction(charge.get("fixed_fee", 0)),
    "graduated_percentage": lambda charge, units: _graduated(charge, units, lambda tier: Fraction(tier["rate"]) / 100),
}
