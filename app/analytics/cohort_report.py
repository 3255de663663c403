"""Cohorts by the month of first payment, one computation for the page and its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.analytics.book import build_book
from app.analytics.cohorts import Cohort, build_cohorts
from app.analytics.report import RevenueReport
from app.analytics.takings import list_first_paid


@dataclass(frozen=True)
class CurrencyCohorts:
    """The cohorts of one currency."""

    currency: str
    cohorts: tuple[Cohort, ...]


def get_cohorts(session: Session, report: RevenueReport, now: datetime) -> list[CurrencyCohorts]:
    """The cohorts of a report's months; with a plan, what is left of them on that plan.

    Worked example: two first paid in October, one has MRR at the end of November: 2 and 1.
    """
    first_paid, asked = list_first_paid(session), report.asked
    found = []
    for each in report.currencies:
        book = build_book(report.timelines, each.currency, asked.span, now, asked.plan)
        mrr = {org: amounts[1:] for org, amounts in book.mrr.items()}
        begun = {
            org: month
            for org, month in first_paid.get(each.currency, {}).items()
            if asked.org_id in {None, org} and (asked.plan is None or org in mrr)
        }
        found.append(CurrencyCohorts(each.currency, tuple(build_cohorts(begun, mrr, asked.span.months))))
    return found
