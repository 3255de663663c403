"""What percentage discounts take off a line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.kit.money import exactly, line_step, plain, round_half_away

_WHOLE = Decimal(100)


@dataclass(frozen=True, slots=True)
class PercentOff:
    """A discount of a subscription: so many per cent off, by a coupon at Stripe."""

    coupon: str
    percent_off: Decimal


def compute_discount(amount: int, percentages: Sequence[PercentOff], currency: str) -> int:
    """What several percentages take off an amount, each of what the one before leaves; rounded once, as a line is.

    Worked example: 20 % and 10 % off 100.00 USD are 28.00; off -100.00 they are -28.00.
    """
    with exactly():
        left = Decimal(amount)
        for each in percentages:
            left *= (_WHOLE - each.percent_off) / _WHOLE
        taken = amount - left
    return min(round_half_away(taken, line_step(currency)), amount, key=abs)


def share_discount(amount: int, billed: int, discount: int, currency: str) -> int:
    """The part of a discount that goes back with an amount below zero, at the rate at which `billed` was discounted.

    Worked example: 100.00 were billed less 20.00: with -10.00 goes a discount of -2.00.
    """
    if billed <= 0 or discount <= 0:
        return 0
    if -amount >= billed:
        return max(amount, -discount)
    step = line_step(currency)
    return -((2 * -amount * discount + billed * step) // (2 * billed * step)) * step


def share_credited(credited: int, line: int, discount: int, currency: str) -> int:
    """The part of a line's discount that belongs to what is credited of it, from the first note to the last.

    The last takes what is left, so that notes over a whole line give back what was paid of it.

    Worked example: 100.00 were billed less 17.00: of 40.00 it is 6.80, of all 17.00.
    """
    return -share_discount(-credited, line, discount, currency)


def store_percentages(percentages: Iterable[PercentOff]) -> list[dict[str, str]]:
    """Turn percentages into what an invoice stores."""
    return [{"coupon": each.coupon, "percent_off": plain(each.percent_off)} for each in percentages]


def read_percentages(stored: Iterable[dict[str, Any]]) -> list[PercentOff]:
    """Read stored discounts, an invoice's or a subscription's; amounts off are left out."""
    return [
        PercentOff(each["coupon"], Decimal(each["percent_off"]))
        for each in stored
        if each.get("percent_off") is not None
    ]
