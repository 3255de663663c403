"""Amounts, rates and months as staff read them. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from babel.dates import format_date

from app.kit.money import exponent, round_fraction, to_major
from app.statements.wording import format_amount
from app.web.filters import NO_BREAK, percent, quantity

NONE = "\N{EN DASH}"


def format_rate(rate: Fraction | None) -> str:
    """A share in per cent with one decimal; a dash where there is nothing to divide by."""
    return NONE if rate is None else percent(Decimal(round_fraction(rate * 1000)).scaleb(-1))


def format_ratio(ratio: Fraction | None) -> str:
    """A ratio with one decimal: 4.2."""
    return NONE if ratio is None else quantity(Decimal(round_fraction(ratio * 10)).scaleb(-1))


def format_average(amount: Fraction | None, currency: str) -> str:
    """An average amount, rounded to the minor unit."""
    return NONE if amount is None else format_amount(round_fraction(amount), currency)


def format_change(amount: int, currency: str) -> str:
    """An amount with its sign, and a dash for none: +$49.00."""
    if amount == 0:
        return NONE
    return f"{'+' if amount > 0 else '−'}{format_amount(abs(amount), currency)}"


def format_month_name(month: date) -> str:
    """November 2026."""
    return format_date(month, "MMMM y", locale="en")


def format_months(first: date, last: date) -> str:
    """November 2026, or the first and last of several."""
    return format_month_name(first) if first == last else f"{format_month_name(first)} to {format_month_name(last)}"


def format_month_short(month: date) -> str:
    """Nov 2026, in one line."""
    return format_date(month, f"MMM{NO_BREAK}y", locale="en")


def in_major(amount: int, currency: str) -> Decimal:
    """Minor units as the chart's scale has them."""
    return to_major(amount, exponent(currency))
