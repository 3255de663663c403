"""Ratios by worked examples, some of them published."""

from fractions import Fraction
from uuid import UUID

import pytest

from app.analytics.movements import KINDS, MrrMovement, collect_movements
from app.analytics.ratios import RevenueRatios, compute_conversion, compute_ratios


def org(number, before, after, known=None):
    return MrrMovement(UUID(int=number), before, after, known=bool(before) if known is None else known)


def ratios(*moves):
    month = collect_movements(moves)
    return compute_ratios([month], month.rows)


CHARTMOGUL = (org(1, 1000, 0), org(2, 3000, 2000), org(3, 2000, 3000), org(4, 4000, 4000))
"""100.00 at the start; 10.00 lost by churn, 10.00 by contraction, 10.00 gained by expansion: articles/203359341."""


def test_gross_and_net_churn_as_chartmogul_publishes_them():
    found = ratios(*CHARTMOGUL)
    assert found.revenue_churn == Fraction(20, 100)
    assert 1 - found.nrr == Fraction(10, 100)
    assert found.grr == Fraction(80, 100)


def test_customer_churn_leaves_out_who_came_and_went_as_chartmogul_publishes_it():
    """100 at the start, 12 churned, of whom one came back and one had come in the month: 10 % (articles/207340419)."""
    moves = [org(n, 100, 0) for n in range(10)] + [org(10, 100, 100), org(11, 0, 0)]
    moves += [org(n, 100, 100) for n in range(12, 101)]
    assert ratios(*moves).logo_churn == Fraction(10, 100)


def test_quick_ratio_as_baremetrics_publishes_it():
    """New and expansion by contraction and churn (changelog.baremetrics.com); what came back is a gain, too."""
    assert ratios(org(1, 0, 4000), *CHARTMOGUL).quick_ratio == Fraction(5000, 2000)
    assert ratios(org(1, 0, 4000, known=True), *CHARTMOGUL).quick_ratio == Fraction(5000, 2000)


def test_lifetime_value_is_revenue_a_customer_by_churn_as_profitwell_publishes_it():
    """Roughly ARPU / (1 - retention)."""
    found = ratios(*CHARTMOGUL)
    assert found.arpa == 3000
    assert found.ltv == 3000 / Fraction(1, 4)


def test_reactivation_and_new_business_are_no_retention():
    assert ratios(org(1, 1000, 1000), org(2, 0, 9000), org(3, 0, 9000, known=True)).nrr == 1


def test_growth_is_net_retention_above_one_and_never_gross():
    found = ratios(org(1, 1000, 3000))
    assert (found.nrr, found.grr) == (3, 1)


def test_nothing_to_divide_by_is_no_ratio():
    assert ratios() == RevenueRatios(None, None, None, None, None, None, None)
    began = ratios(org(1, 0, 1000))
    assert (began.arpa, began.logo_churn, began.nrr, began.quick_ratio, began.ltv) == (1000, None, None, None, None)
    loyal = ratios(org(1, 1000, 1000))
    assert (loyal.logo_churn, loyal.ltv) == (0, None)


def test_rates_of_churn_over_months_are_a_months():
    months = [
        collect_movements([org(1, 1000, 1000), org(2, 1000, 1000)]),
        collect_movements([org(1, 1000, 1000), org(2, 1000, 0)]),
    ]
    found = compute_ratios(months, [org(1, 1000, 1000), org(2, 1000, 0)])
    assert (found.logo_churn, found.revenue_churn, found.nrr) == (Fraction(1, 4), Fraction(1, 4), Fraction(1, 2))


@pytest.mark.parametrize(("converted", "of", "rate"), [(3, 4, Fraction(3, 4)), (0, 2, 0), (0, 0, None)])
def test_conversion(converted, of, rate):
    assert compute_conversion(converted, of) == rate


def test_movements_add_up():
    month = collect_movements([*CHARTMOGUL, org(5, 0, 700), org(6, 0, 0)])
    assert month.start + sum(month.sums[kind] for kind in KINDS) == month.end
    assert (len(month.rows), month.payers_before, month.payers_after) == (5, 4, 4)
