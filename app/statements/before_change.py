"""What a period owed before its plan was changed: a change never lowers what the running period already owes (2.6)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.rating import price
from app.rating.schemas import parse_charge

# Usage that happened before each change, with the terms of then.
_BEFORE = text("""
SELECT before.period_start, before.changed_at, before.allowance, charge.model, charge.properties, charge.currency,
       coalesce(used.used - used.unbilled, 0) AS used
FROM subscriptions_superseded before
JOIN subscriptions_charges charge ON charge.id = before.charge_id
LEFT JOIN LATERAL usage_span_figures(
    org => before.org_id, since => before.period_start, until => before.changed_at) used
       ON used.meter_id = before.meter_id
WHERE before.org_id = :org AND before.period_start >= :start AND before.period_start < :end
""")


class OwedBefore(NamedTuple):
    """The most that the usage before a change came to by the terms of then, in minor units, and that change."""

    amount: int
    changed_at: datetime


def get_owed_before(session: Session, org_id: UUID, start: datetime, end: datetime) -> dict[datetime, OwedBefore]:
    """Get what the periods that start in [start, end) owed before their plan was changed, by the period's start.

    A minimum is no usage, so it counts for nothing here. Worked example: 60,000 calls on Pro, then a move to Max, which
    includes them: {<the period's start>: (10000, <the move>)}.
    """
    sums: dict[tuple[datetime, datetime], int] = defaultdict(int)
    for row in session.execute(_BEFORE, {"org": org_id, "start": start, "end": end}):
        charge = parse_charge(row.model, row.properties, row.currency)
        rated = price(charge, row.used, row.allowance, minimum_portion=Fraction(0))
        sums[row.period_start, row.changed_at] += rated.rounded
    most: dict[datetime, OwedBefore] = {}
    for (period_start, changed_at), amount in sums.items():
        if period_start not in most or amount > most[period_start].amount:
            most[period_start] = OwedBefore(amount, changed_at)
    return most
