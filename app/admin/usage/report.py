"""All that staff's page, files and API say of a meter's usage: read once, by the same statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from app.admin.usage.requests import UsageFilter
from app.catalog.models import ADDITIVE, Meter
from app.metering.rollups.active import Active, count_active
from app.metering.rollups.reports import TopOrg, list_top_orgs_of_days
from app.metering.rollups.total_parts import TotalsQuestion, UsagePart, list_usage_parts
from app.metering.rollups.total_shapes import UsageShapes, get_usage_shapes

TOP = 10
MOST = 200
"""How many values of a kind are told apart."""


@dataclass(frozen=True)
class UsageTotals:
    """A meter's usage over the days, whole and by part, and over as many days `before`."""

    meter: Meter
    asked: UsageFilter
    before: tuple[date, date]
    parts: Sequence[UsagePart]

    @property
    def adds(self) -> bool:
        """Whether quantities add up: parts to the whole, days to the range."""
        return self.meter.aggregation in ADDITIVE

    def part(self, part: str, *, before: bool = False) -> UsagePart | None:
        """The whole, others or not given, over all the days."""
        rows = (row for row in self.parts if row.starts_on is None and row.before is before and row.part == part)
        return next(rows, None)


@dataclass(frozen=True)
class UsageReport(UsageTotals):
    """And what shapes the days; None of one plan, for that is kept of all plans together."""

    shapes: UsageShapes | None


@dataclass(frozen=True)
class UsersReport(UsageTotals):
    """And who used any meter, and which organisations used this one most; None of one plan."""

    active: Active
    top: Sequence[TopOrg] | None


def get_usage_totals(session: Session, meter: Meter, asked: UsageFilter, most: int = MOST) -> UsageTotals:
    """Read a meter's usage in one statement; `most` values of the dimension are named."""
    question = TotalsQuestion(asked.first, asked.last, asked.by, meter.id, asked.plan, most)
    return UsageTotals(meter, asked, question.before, list_usage_parts(session, question, asked.span))


def get_usage_report(session: Session, meter: Meter, asked: UsageFilter, most: int = MOST) -> UsageReport:
    """Read usage and its shapes in two statements."""
    totals, days = get_usage_totals(session, meter, asked, most), (asked.first, asked.last)
    shapes = None if asked.plan else get_usage_shapes(session, meter.id, meter.aggregation, days)
    return UsageReport(totals.meter, totals.asked, totals.before, totals.parts, shapes)


def get_users_report(session: Session, meter: Meter, asked: UsageFilter) -> UsersReport:
    """Read who used it in three statements."""
    totals, days = get_usage_totals(session, meter, replace(asked, by="")), (asked.first, asked.last)
    active = count_active(session, *days, plan=asked.plan)
    top = None if asked.plan else list_top_orgs_of_days(session, *days, meter.id, TOP)
    return UsersReport(totals.meter, asked, totals.before, totals.parts, active, top)
