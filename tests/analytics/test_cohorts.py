"""Cohorts by the month of first payment."""

from datetime import date
from fractions import Fraction
from uuid import UUID

from app.analytics.cohorts import CohortCell, build_cohorts

MONTHS = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
ANN, BEN, CAT, DAN = (UUID(int=number) for number in range(1, 5))


def test_what_is_left_of_each_cohort_month_by_month():
    mrr = {ANN: [0, 4900, 4900], BEN: [0, 4900, 0], CAT: [1900, 1900, 4900]}
    first = {ANN: MONTHS[1], BEN: MONTHS[1], CAT: MONTHS[0]}
    september, october = build_cohorts(first, mrr, MONTHS)
    assert [cell.mrr for cell in september.cells] == [1900, 1900, 4900]
    assert october.cells == (CohortCell(2, 9800), CohortCell(1, 4900))
    assert [october.retained(age) for age in (0, 1)] == [1, Fraction(1, 2)]


def test_who_first_paid_before_is_in_no_cohort_and_one_without_revenue_is_lost_at_once():
    (october,) = build_cohorts({DAN: date(2026, 1, 1), BEN: MONTHS[1]}, {}, MONTHS)
    assert (october.month, october.orgs, october.cells[0]) == (MONTHS[1], (BEN,), CohortCell(0, 0))
