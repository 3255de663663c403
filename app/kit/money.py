"""Money and quantities: exact decimals in, integers of the minor unit out. Never floats.

A regex validates text from outside before it becomes a Decimal, which keeps out NaN, exponents and huge numbers.
Arithmetic runs under `exactly()`, where an inexact result is an error and never a silent rounding.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from decimal import (
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Underflow,
    getcontext,
    setcontext,
)
from fractions import Fraction

from babel.numbers import get_currency_precision, list_currencies

ZERO = Decimal(0)

_WHOLE = r"(?:0|[1-9][0-9]{0,14})"
QUANTITY = re.compile(rf"{_WHOLE}(?:\.[0-9]{{1,6}}0{{0,18}})?\Z", re.ASCII)
"""Rule 2.1 for quantities, as text: below 10^15, at most 6 places, no sign, no exponent. Use with `match`.

Zeros after the sixth place lose nothing, so 1.0000000 is allowed.
"""
QUANTITY_BYTES = re.compile(QUANTITY.pattern.encode(), re.ASCII)
"""The same rule for raw bytes."""
_PRICE = re.compile(rf"{_WHOLE}(?:\.[0-9]{{1,12}})?\Z", re.ASCII)

# 38 digits for a counter times 27 for a price, with room to add up tiers.
_EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Underflow, Clamped])

_ENTERED = nullcontext()

_THREE = 3
_KNOWN = frozenset(list_currencies())
# CLDR says how people write a currency; money moves in ISO 4217 units, which differ for these.
_ISO_4217 = dict.fromkeys(("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MMK", "RSD", "SOS", "SYP", "YER"), 2) | {"IQD": 3}


class _Exactly:
    """Enters the one exact context, which nobody changes, and leaves it for the one before."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = getcontext()
        setcontext(_EXACT)

    def __exit__(self, *_: object) -> None:
        setcontext(self._before)


def exactly() -> AbstractContextManager[None]:
    """A decimal context in which inexact results raise `decimal.Inexact`.

    Entering it again within costs little: whoever rates many quantities enters it once around them all.
    """
    return _ENTERED if getcontext() is _EXACT else _Exactly()


def multiply_add(factor: Decimal, other: Decimal, term: Decimal) -> Decimal:
    """Factor x other + term, exactly: as under `exactly()`, which would cost several times as much for one number."""
    return _EXACT.fma(factor, other, term)


def exponent(currency: str) -> int:
    """Decimal places of the currency's minor unit: USD 2, JPY 0, KWD 3. `ValueError` for an unknown code."""
    if currency not in _KNOWN:
        raise ValueError(f"{currency!r} is not a currency code of ISO 4217, such as USD")
    return _ISO_4217.get(currency, get_currency_precision(currency))


def line_step(currency: str) -> int:
    """What an invoice line is rounded to, in minor units: 10 where the currency has three decimal places, otherwise 1.

    Stripe charges such currencies in tens: https://docs.stripe.com/currencies#three-decimal. One price list holds
    whoever collects.
    """
    return 10 if exponent(currency) == _THREE else 1


def round_half_away(value: Decimal, step: int = 1) -> int:
    """Round to the nearest multiple of `step`, halves away from zero: 0.5 is 1, -0.5 is -1.

    Used only at the invoice line.
    """
    if step == 1:
        return int(value.to_integral_value(ROUND_HALF_UP))
    with exactly():
        whole, rest = divmod(abs(value), step)
        return int((whole + (2 * rest >= step)).copy_sign(value)) * step


def round_fraction(value: Fraction, step: int = 1) -> int:
    """Round to a multiple of `step`, halves away from zero: what is exact but no decimal, such as a third."""
    numerator, denominator = abs(value.numerator), value.denominator * step
    whole = (2 * numerator + denominator) // (2 * denominator) * step
    return whole if value >= 0 else -whole


def plain(value: Decimal) -> str:
    """Decimal text without exponent or trailing zeros: 1E+3 is "1000", 0.50 is "0.5", -0 is "0"."""
    text = str(value)  # much faster than format(), and the same but for exponents
    if text.isdigit():
        return text
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def to_minor(major: Decimal, places: int) -> Decimal:
    """Convert major units (dollars) to exact minor units (cents) of a currency with `places` decimal places."""
    with exactly():
        return major.scaleb(places)


def to_major(minor: Decimal | int, places: int) -> Decimal:
    """Convert minor units (cents) to exact major units (dollars)."""
    with exactly():
        return Decimal(minor).scaleb(-places)


def parse_quantity(text: bytes | str, *, negative: bool = False) -> Decimal:
    """Parse a quantity by rule 2.1; the `ValueError` states the rule. A minus sign needs `negative`."""
    return _parse(text, QUANTITY, "a decimal below 10^15 with at most 6 places and no exponent", negative)


def parse_price(text: bytes | str) -> Decimal:
    """Parse a unit price or another amount in major units: at most 12 places, below 10^15, not negative."""
    return _parse(text, _PRICE, "a decimal below 10^15 with at most 12 places and no exponent", negative=False)


def _parse(text: bytes | str, pattern: re.Pattern[str], rule: str, negative: bool) -> Decimal:
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    sign = negative and words.startswith("-")
    if not pattern.match(words, int(sign)):
        raise ValueError(f"must be {rule}" + ("" if negative else ", not negative"))
    value = Decimal(words)
    return value or ZERO
