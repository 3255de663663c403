"""What an org, or one of its users, used by month: totals, what of them is not billed, values of some dimensions.

Months are calendar months of the org's zone, keyed by their first day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

MOST_VALUES = 20

_SUBJECT = text("SELECT id FROM subjects WHERE org_id = :org AND label = :label")
# A user's share of a cost is told from the organisation's totals.
_PARTS = text("""
    SELECT p.month, p.meter_id, p.dimension, p.value, p.quantity, p.events, p.unbilled, p.free, p.free_events
    FROM (
        SELECT month, meter_id, dimension, value, quantity, events, unbilled, free, free_events
        FROM usage_month_parts(:org, :subject, :first, :last, :most)
        UNION ALL
        SELECT day, meter_id, 'org', '', quantity, events, unbilled, free, free_events
        FROM usage_analytics('month', :org, :first, :last, '') WHERE CAST(:subject AS uuid) IS NOT NULL) p
    ORDER BY p.month, p.meter_id, p.dimension, p.value IS NULL, p.events DESC, p.value
""")


@dataclass(frozen=True, slots=True)
class MonthPart:
    """Usage of a meter in a month by a value of a dimension; None for the values beyond the first. '' is the total.

    `quantity` is None where it is not known: for maxima and distinct values of one user, and of several values.
    `unbilled` is part of it, `free` is not; None for nothing. Dimension `org`: the total beside a user's.
    """

    month: date
    meter_id: int
    dimension: str
    value: str | None
    quantity: Decimal | None
    events: int
    unbilled: Decimal | None
    free: Decimal | None
    free_events: int | None


def find_subject(session: Session, org_id: UUID, label: str) -> UUID | None:
    """Find the id under which the usage of the host product's user is kept."""
    found: UUID | None = session.scalar(_SUBJECT, {"org": org_id, "label": label})
    return found


def list_month_parts(
    session: Session, org_id: UUID, subject_id: UUID | None, first: date, last: date
) -> list[MonthPart]:
    """List totals by month and meter, and by value of kind, provider, format and attempt: the 20 with the most events.

    A user's totals are of all months up to `last`, and a number of distinct values is as of the latest roll-up; the
    organisation's are there too.

    Worked example: 3 retries that cost nothing: (November, minutes, attempt, retry, 0, 0, free 12, free_events 3).
    """
    asked = {"org": org_id, "subject": subject_id, "first": first, "last": last, "most": MOST_VALUES}
    return [MonthPart(*row) for row in session.execute(_PARTS, asked)]
