"""Period boundaries of subscriptions, and the price of part of a period. Pure.

Stripe's arithmetic: UTC, to the second, every boundary counted from the original anchor, so that 31 January is
followed by 28 February and then 31 March (https://docs.stripe.com/billing/subscriptions/billing-cycle).
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

Recurring = dict[str, Any]


def period_boundary(anchor: int, recurring: Recurring, number: int) -> int:
    """The boundary `number` periods after the anchor (before it if negative), in Unix seconds."""
    start = datetime.fromtimestamp(anchor, UTC)
    steps = number * int(recurring["interval_count"])
    if recurring["interval"] in {"day", "week"}:
        days = steps * (7 if recurring["interval"] == "week" else 1)
        return int((start + timedelta(days=days)).timestamp())
    months = steps * (12 if recurring["interval"] == "year" else 1)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def period_at(anchor: int, recurring: Recurring, moment: int) -> tuple[int, int]:
    """The period [start, end) that contains the moment."""
    seconds = {"day": 86_400, "week": 604_800, "month": 2_629_800, "year": 31_557_600}[recurring["interval"]]
    number = (moment - anchor) // (seconds * int(recurring["interval_count"]))
    while period_boundary(anchor, recurring, number) > moment:
        number -= 1
    while period_boundary(anchor, recurring, number + 1) <= moment:
        number += 1
    return period_boundary(anchor, recurring, number), period_boundary(anchor, recurring, number + 1)


def rounded(value: Fraction, currency: str = "usd") -> int:
    """Round to the nearest amount that can be charged in the currency, halves away from zero."""
    step = 10 if currency in THREE_DECIMALS else 1
    whole = int(abs(value) / step + Fraction(1, 2)) * step
    return whole if value >= 0 else -whole


def prorated(amount: int, start: int, end: int, moment: int, currency: str = "usd") -> int:
    """The price of the rest of [start, end) after the moment, in minor units."""
    return rounded(Fraction(amount * (end - moment), max(end - start, 1)), currency)


def discount_amount(amount: int, coupon: dict[str, Any] | None, currency: str = "usd") -> int:
    """The discount of a coupon on an amount, in minor units; never more than the amount."""
    if coupon is None or amount <= 0:
        return 0
    if coupon["percent_off"] is not None:
        return min(amount, rounded(Fraction(amount) * Fraction(str(coupon["percent_off"])) / 100, currency))
    return min(amount, int(coupon["amount_off"]))


def format_money(amount: int, currency: str) -> str:
    """Format minor units: 1900 usd is "USD 19.00"; 1900 jpy is "JPY 1,900"."""
    if currency.lower() in NO_MINOR:
        return f"{currency.upper()} {amount:,}"
    sign = "-" if amount < 0 else ""
    if currency.lower() in THREE_DECIMALS:
        return f"{currency.upper()} {sign}{abs(amount) // 1000:,}.{abs(amount) % 1000:03d}"
    return f"{currency.upper()} {sign}{abs(amount) // 100:,}.{abs(amount) % 100:02d}"


# Source: https://docs.stripe.com/currencies#three-decimal; amounts end in 0
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Source: https://docs.stripe.com/currencies#zero-decimal
NO_MINOR = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
