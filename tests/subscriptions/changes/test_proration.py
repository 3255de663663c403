"""Our formula of a change (rule 2.6), in cases worked by hand: credit of what was billed, charge for the rest."""

from __future__ import annotations

from fractions import Fraction

import pytest

from app.kit.periods import Period
from app.subscriptions.changes.proration import (
    BilledLine,
    ChangeDiscount,
    calculate_change,
    discount_price,
    is_drift,
)
from tests.factories import utc

NOVEMBER = Period(utc("2026-11-01 00:00"), utc("2026-12-01 00:00"))
HALF = utc("2026-11-16 00:00")
TENTH = ChangeDiscount(percent_off=Fraction(10))


def line(amount: int, since: str = "2026-11-01 00:00") -> BilledLine:
    return BilledLine(amount, Period(utc(since), NOVEMBER.end))


@pytest.mark.parametrize(
    ("billed", "price", "discounts", "at", "whole", "expected"),
    [
        ([line(1900)], 4900, [], HALF, False, ((-950,), 2450)),
        ([line(1900)], 4900, [], NOVEMBER.start, False, ((-1900,), 4900)),
        ([line(1900)], 4900, [], utc("2026-11-30 23:00"), False, ((-3,), 7)),
        ([line(1900)], 4900, [], NOVEMBER.end, False, ((0,), 0)),
        # a third of 19.00 is left of what was billed, and a third of 49.00
        ([line(1900)], 4900, [], utc("2026-11-21 00:00"), False, ((-633,), 1633)),
        # with 10 % off 17.10 was billed, and 44.10 is the price
        ([line(1710)], 4900, [TENTH], HALF, False, ((-855,), 2205)),
        # the coupon came after the first bill: what was billed is credited, not the price
        ([line(1900)], 4900, [TENTH], HALF, False, ((-950,), 2205)),
        # 5.00 off: 14.00 was billed, 44.00 is the price
        ([line(1400)], 4900, [ChangeDiscount(amount_off=500)], HALF, False, ((-700,), 2200)),
        # after a first change on the 16th: the line of Pro, which was billed for half a month
        ([line(2450, "2026-11-16 00:00")], 9900, [], utc("2026-11-21 00:00"), False, ((-1633,), 3300)),
        # two lines, each for itself: a half of an odd cent is a cent, twice
        ([line(1), line(1)], 0, [], HALF, False, ((-1, -1), 0)),
        # another interval: one whole new period
        ([line(4900)], 49000, [], HALF, True, ((-2450,), 49000)),
        ([line(4410)], 49000, [TENTH], HALF, True, ((-2205,), 44100)),
        # nothing was billed yet: nothing is credited
        ([], 4900, [], HALF, False, ((), 2450)),
    ],
)  # fmt: skip
def test_worked_cases(billed, price, discounts, at, whole, expected) -> None:  # type: ignore[no-untyped-def]
    cost = calculate_change(billed, price, discounts, at, None if whole else NOVEMBER)
    assert (cost.credits, cost.charge) == expected
    assert cost.total == sum(expected[0]) + expected[1]


def test_discounts_are_taken_one_after_the_other_and_never_below_zero() -> None:
    assert discount_price(1000, [TENTH, ChangeDiscount(amount_off=100)]) == 800
    assert discount_price(1000, [ChangeDiscount(amount_off=2000), TENTH]) == 0


def test_a_minor_unit_is_no_drift() -> None:
    assert not is_drift(100, 101)
    assert is_drift(100, 102)
