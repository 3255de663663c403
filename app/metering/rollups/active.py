"""How many orgs and users have any usage, as of the latest roll-up. Days and months are those of each org's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

MOST_DAYS = 31
"""Longer ranges are counted by whole calendar months, from roll-ups by month."""


@dataclass(frozen=True, slots=True)
class ActiveCount:
    """Orgs and users with any usage on a day or in a month, or in the whole range; of one plan, users are not known."""

    starts_on: date | None
    orgs: int
    users: int | None


@dataclass(frozen=True, slots=True)
class Active:
    """The whole range, its days or months with any usage, and when roll-ups were folded last."""

    whole: ActiveCount
    spans: tuple[ActiveCount, ...]
    by_month: bool
    as_of: datetime | None


_ACTIVE = text("""
    SELECT a.starts_on, a.active_orgs, a.active_users, mark.folded_at
    FROM usage_active(:bucket, :first, :last, :plan) a, rollup_watermark(NULL) mark
    ORDER BY a.starts_on NULLS FIRST
""")


def count_active(session: Session, first: date, last: date, plan: str | None = None) -> Active:
    """Count who was active from `first` to `last`, inclusive: by day up to 31 days, else by whole months.

    Worked example: Ada on Monday, Ada and Bob, of another org, on Tuesday: whole 2 orgs and 2 users, Monday 1 and 1.
    """
    by_month = (last - first).days >= MOST_DAYS
    asked = {"bucket": "month" if by_month else "day", "first": first, "last": last, "plan": plan}
    rows = session.execute(_ACTIVE, asked).all()
    whole, *spans = (ActiveCount(row.starts_on, row.active_orgs, row.active_users) for row in rows)
    return Active(whole, tuple(spans), by_month, rows[0].folded_at)
