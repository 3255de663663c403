"""Reads that only the usage page needs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Integer, Numeric, Text, TextualSelect, text
from sqlalchemy.orm import Session

from app.kit.postgres.together import ask, fill
from app.statements.queries import Rows

# The current period and every meter; `listed` marks those in the plan and those the organisation has ever used;
# before the period is open, all.
_FRAME = text("""
SELECT meter.id, meter.key, meter.name, meter.unit, meter.aggregation, period.starts_at, period.ends_at,
       coalesce(terms.mentioned, period.starts_at IS NULL)
       OR EXISTS (SELECT FROM metering_counters c WHERE c.org_id = :org_id AND c.meter_id = meter.id) AS listed,
       terms.allowance, terms.cap, terms.per_day, terms.per_hour
FROM catalog_meters meter
LEFT JOIN subscriptions_periods period
       ON period.org_id = :org_id AND period.starts_at <= :now AND period.ends_at > :now
LEFT JOIN subscriptions_terms terms
       ON terms.org_id = :org_id AND terms.period_start = period.starts_at AND terms.meter_id = meter.id
ORDER BY meter.id
""")


def list_frame_rows(session: Session, org_id: UUID, now: datetime) -> Rows:
    """Every meter, each with the running period (None before it is opened), whether pages list it, and its limits.

    Worked example: three meters in the catalogue, two of them in the plan: three rows, two listed.
    """
    return ask(session, select_frame(org_id, now))


def select_frame(org_id: UUID, now: datetime) -> TextualSelect:
    """Select what `list_frame_rows` lists."""
    at = DateTime(timezone=True)
    return fill(_FRAME, org_id=org_id, now=now).columns(
        id=Integer, key=Text, name=Text, unit=Text, aggregation=Text, starts_at=at, ends_at=at, listed=Boolean,
        allowance=Numeric, cap=Numeric, per_day=Numeric, per_hour=Numeric,
    )  # fmt: skip
