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
_ORG = text("""
    SELECT day AS month, meter_id, quantity, events, unbilled, free, free_events
    FROM usage_analytics('month', :org, :first, :last, '') ORDER BY month, meter_id
""")
_USER = text("""
    SELECT month, meter_id, quantity, events, unbilled, free, free_events
    FROM usage_user_series(:org, :subject, :last) ORDER BY month, meter_id
""")
_PARTS = text("""
    SELECT month, meter_id, dimension, value, quantity, events, unbilled, free, free_events
    FROM usage_month_parts(:org, :subject, :first, :last, :most)
    ORDER BY month, meter_id, dimension, value IS NULL, events DESC, value
""")


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """Usage of a meter in a month. `unbilled` is part of the quantity, `free` is not; None for nothing."""

    month: date
    meter_id: int
    quantity: Decimal
    events: int
    unbilled: Decimal | None
    free: Decimal | None
    free_events: int | None


@dataclass(frozen=True, slots=True)
class MonthPart:
    """Usage of a meter in a month by a value of a dimension; None for the values beyond the first. '' is the total.

    `quantity` is None where it is not known: for maxima and distinct values of one user, and of several values.
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


def list_org_months(session: Session, org_id: UUID, first: date, last: date) -> list[MonthTotal]:
    """List an org's totals by month and meter, both months inclusive, without its parts."""
    rows = session.execute(_ORG, {"org": org_id, "first": first, "last": last}).mappings()
    return [MonthTotal(**row) for row in rows]


def list_user_months(session: Session, org_id: UUID, subject_id: UUID, last: date) -> list[MonthTotal]:
    """List a user's totals by month and meter, of all months up to `last`.

    A number of distinct values is as of the latest roll-up.
    """
    rows = session.execute(_USER, {"org": org_id, "subject": subject_id, "last": last}).mappings()
    return [MonthTotal(**row) for row in rows]


def list_month_parts(
    session: Session, org_id: UUID, subject_id: UUID | None, first: date, last: date
) -> list[MonthPart]:
    """List totals by month, meter and value of kind, provider, format and attempt: the 20 values with the most events.

    Of an org also its totals.

    Worked example: 3 retries that cost nothing: (November, minutes, attempt, retry, 0, 0, free 12, free_events 3).
    """
    asked = {"org": org_id, "subject": subject_id, "first": first, "last": last, "most": MOST_VALUES}
    return [MonthPart(**row) for row in session.execute(_PARTS, asked).mappings()]
