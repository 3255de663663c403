"""The formula of a charge in words, from the properties that the line was rated by. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.kit.money import exponent, to_minor
from app.statements.wording import format_exact, pluralise
from app.web.filters import quantity

_MODELS = {
    "flat": "A flat amount for the period, whatever the quantity.",
    "per_unit": "Each charged {unit} costs the same.",
    "graduated": "Each charged {unit} costs the price of the tier that it falls into.",
    "volume": "All charged {units} have one price: that of the tier that their total reaches.",
    "package": "Charged {units} are sold in blocks. A partial block counts as a whole one.",
    "stairstep": "One amount for the period, set by the step that the charged quantity reaches.",
    "percentage": "A percentage of the charged amount.",
    "graduated_percentage": "A percentage of each part of the charged amount, tier by tier.",
}
PERCENTAGES = frozenset({"percentage", "graduated_percentage"})
_ROUNDINGS = {"up": "rounded up", "down": "rounded down", "half": "rounded to the nearest whole number"}


def describe_formula(model: str, properties: Mapping[str, Any], currency: str, unit: str) -> list[str]:
    """Describe a charge in sentences: what is priced and how, then what changes the quantity or the amount."""
    sentences = [_MODELS[model].format(unit=unit, units=pluralise(unit))]
    if "divide_by" in properties:
        sentences.append(f"The quantity is divided {describe_division(properties)} first, once for the period.")
    if "minimum" in properties:
        minimum = _format_major(properties["minimum"], currency)
        sentences.append(f"At least {minimum} is charged for a whole month, and less for a shorter period.")
    if "maximum" in properties:
        sentences.append(f"At most {_format_major(properties['maximum'], currency)} is charged for a period.")
    return [*sentences, "The amount is calculated exactly and rounded once, at the end."]


def describe_division(properties: Mapping[str, Any]) -> str:
    """How a quantity is divided: "by 1,024 and rounded up"."""
    return f"by {quantity(Decimal(str(properties['divide_by'])))} and {_ROUNDINGS[properties.get('round', 'up')]}"


def read_per(properties: Mapping[str, Any]) -> Decimal:
    """How many units a unit amount was written for."""
    return Decimal(str(properties.get("per", 1)))


def _format_major(amount: Any, currency: str) -> str:
    return format_exact(to_minor(Decimal(str(amount)), exponent(currency)), currency)
