"""Reads what was paid and given back, and adds it up by month, plan and organisation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.analytics.months import MonthRange, month_at
from app.analytics.revenue import PaidDocument, PaidLine, RevenueEntry, SettledPart, list_entries
from app.analytics.timeline import Timeline

_PAID = text("SELECT * FROM payments_revenue(:since, :until, :org)")
_FIRST = text("SELECT org_id, currency, at FROM payments_first_paid")
NO_PLAN = ("", "No plan")


@dataclass(frozen=True, slots=True)
class PlanTakings:
    """Revenue of a plan: its fees, and overage. In minor units."""

    key: str
    name: str
    fees: int
    overage: int


@dataclass(frozen=True)
class Takings:
    """Revenue of one currency over months: by month (fees, overage, other), plan and organisation, in minor units.

    `other` belongs to no line: credit that staff gave by hand.
    """

    currency: str
    months: dict[date, tuple[int, int, int]]
    plans: tuple[PlanTakings, ...]
    orgs: dict[UUID, int]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(sum(month) for month in self.months.values())

    @property
    def overage(self) -> int:
        """What was paid for usage."""
        return sum(overage for _, overage, _ in self.months.values())


def list_revenue(session: Session, since: datetime, until: datetime, org_id: UUID | None = None) -> list[RevenueEntry]:
    """The revenue of [since, until).

    Worked example: an invoice of 59.00 with 9.42 tax was paid on 3 November: entries that come to 49.58, on that day.
    """
    rows = session.execute(_PAID, {"since": since, "until": until, "org": org_id}).all()
    return [entry for row in rows for entry in list_entries(_read(row)) if since <= entry.at < until]


def list_first_paid(session: Session) -> dict[str, dict[UUID, date]]:
    """By currency, the month in which each organisation first paid.

    Worked example: Acme paid 49 USD on 3 October and again in November: October.
    """
    found: defaultdict[str, dict[UUID, date]] = defaultdict(dict)
    for row in session.execute(_FIRST):
        found[row.currency][row.org_id] = month_at(row.at)
    return found


def sum_takings(
    entries: Iterable[RevenueEntry], currency: str, span: MonthRange, timelines: Sequence[Timeline], plan: str | None
) -> Takings:
    """Add up one currency. A line is of the plan that was in force when its period began, or of the first one after."""
    known = {timeline.org_id: timeline for timeline in timelines}
    months = {month: [0, 0, 0] for month in span.months}
    plans: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    orgs: defaultdict[UUID, int] = defaultdict(int)
    for entry in entries:
        month, of = month_at(entry.at), _find_plan(entry, known.get(entry.org_id))
        if entry.currency != currency or month not in months or plan not in {None, of[0]}:
            continue
        months[month][2 if entry.usage is None else int(entry.usage)] += entry.amount
        orgs[entry.org_id] += entry.amount
        if entry.usage is not None:
            plans[of][int(entry.usage)] += entry.amount
    rows = [PlanTakings(*of, *sums) for of, sums in plans.items()]
    return Takings(
        currency,
        {month: (fees, overage, other) for month, (fees, overage, other) in months.items()},
        tuple(sorted(rows, key=lambda row: (-row.fees - row.overage, row.key))),
        dict(orgs),
    )


def _find_plan(entry: RevenueEntry, timeline: Timeline | None) -> tuple[str, str]:
    if timeline is None or entry.line_at is None:
        return NO_PLAN
    stretch = timeline.find(entry.line_at) or next(
        (each for each in timeline.stretches if each.starts_at >= entry.line_at), None
    )
    return NO_PLAN if stretch is None else (stretch.plan_key, stretch.plan_name)


def _read(row: Row[Any]) -> PaidDocument:
    return PaidDocument(
        org_id=row.org_id,
        currency=row.currency,
        total=row.total,
        tax=row.tax,
        lines=tuple(
            PaidLine(
                line["amount"] - line.get("discount", 0),
                datetime.fromisoformat(line["start"]),
                line["line"] is not None,
            )
            for line in row.lines
        ),
        settled=tuple(SettledPart(datetime.fromisoformat(part["at"]), part["amount"]) for part in row.settled),
    )
