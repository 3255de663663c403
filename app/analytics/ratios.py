"""Ratios of recurring revenue over a span of months, exact; None where there is nothing to divide by. Pure.

A span compares what each organisation had at its start with what it has at its end. Rates of churn are a month's: over
several months, what was lost in them by what each began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.analytics.movements import CHURN, CONTRACTION, EXPANSION, NEW, REACTIVATION, MonthMovements, MrrMovement


@dataclass(frozen=True, slots=True)
class RevenueRatios:
    """Figures of one currency. Money in minor units, exact; rates as fractions of one."""

    arpa: Fraction | None
    logo_churn: Fraction | None
    revenue_churn: Fraction | None
    nrr: Fraction | None
    grr: Fraction | None
    quick_ratio: Fraction | None
    ltv: Fraction | None


def compute_ratios(months: Sequence[MonthMovements], span: Sequence[MrrMovement]) -> RevenueRatios:
    """The ratios of a span of months. `span` is what each organisation had at its start and has at its end.

    Worked example: 100.00 at the start of a month, 10.00 of it lost by churn, 10.00 by contraction, and 10.00 gained by
    expansion: revenue churn 20 %, gross retention 80 %, net retention 90 %.
    """
    last, logo_churn = months[-1], _divide(_count(months, CHURN), sum(each.payers_before for each in months))
    arpa = _divide(last.end, last.payers_after)
    lost = -_sum(months, CHURN, CONTRACTION)
    start = sum(each.before for each in span)
    return RevenueRatios(
        arpa=arpa,
        logo_churn=logo_churn,
        revenue_churn=_divide(lost, sum(each.start for each in months)),
        nrr=_divide(sum(each.after for each in span if each.before), start),
        grr=_divide(sum(min(each.before, each.after) for each in span), start),
        quick_ratio=_divide(_sum(months, NEW, EXPANSION, REACTIVATION), lost),
        ltv=None if arpa is None or not logo_churn else Fraction(arpa, logo_churn),
    )


def compute_conversion(converted: int, of: int) -> Fraction | None:
    """The share that became paying; None where there was nobody to convert.

    Worked example: of 4 trials that ended, 3 are paid for: 75 %.
    """
    return _divide(converted, of)


def _count(months: Sequence[MonthMovements], kind: str) -> int:
    return sum(each.counts[kind] for each in months)


def _sum(months: Sequence[MonthMovements], *kinds: str) -> int:
    return sum(each.sums[kind] for each in months for kind in kinds)


def _divide(value: int, by: int) -> Fraction | None:
    return Fraction(value, by) if by else None
