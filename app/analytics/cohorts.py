"""Cohorts: organisations by the month of their first payment, and what is left of each month by month. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CohortCell:
    """What a cohort is so many months on: organisations with recurring revenue at that month's end, and how much."""

    payers: int
    mrr: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """Organisations that first paid in `month`. The first of `cells` is the end of that month."""

    month: date
    orgs: tuple[UUID, ...]
    cells: tuple[CohortCell, ...]

    def retained(self, age: int) -> Fraction:
        """The share of its organisations that are left so many months on."""
        return Fraction(self.cells[age].payers, len(self.orgs))


def build_cohorts(
    first_paid: Mapping[UUID, date], mrr: Mapping[UUID, Sequence[int]], months: Sequence[date]
) -> list[Cohort]:
    """The cohorts of `months` (their first days, ascending), oldest first; months in which nobody began are left out.

    `mrr` is the recurring revenue of organisations at the ends of `months`.

    Worked example: two first paid in October, one of them left in November: 100 %, then 50 %.
    """
    begun: defaultdict[date, list[UUID]] = defaultdict(list)
    for org_id, month in first_paid.items():
        begun[month].append(org_id)
    return [
        Cohort(month, tuple(orgs), tuple(_cell(orgs, mrr, at) for at in range(index, len(months))))
        for index, month in enumerate(months)
        if (orgs := begun.get(month))
    ]


def _cell(orgs: Sequence[UUID], mrr: Mapping[UUID, Sequence[int]], at: int) -> CohortCell:
    left = [mrr[org_id][at] for org_id in orgs if org_id in mrr]
    return CohortCell(sum(1 for amount in left if amount), sum(left))
