"""Reads the history of recurring charges: an organisation's stretches, each with its plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.analytics.months import month_at, start_of
from app.analytics.mrr import ChargeFacts
from app.analytics.timeline import Stretch, Timeline
from app.kit.money import ZERO
from app.subscriptions.recurring.facts import RecurringFee, read_discounts, read_fees

# Each stretch that began by `until`, with the change that was planned then. A deleted organisation is charged no more.
_STRETCHES = text("""
SELECT charge.org_id, org.name, org.created_at, version.plan_key, version.plan_name, charge.state, charge.currency,
       charge.fees, charge.discounts, charge.paused, charge.trial_ends_at, charge.cancel_at, charge.starts_at,
       least(charge.ends_at, org.deleted_at) AS ends_at, planned.interval AS planned_interval, price.amount AS planned
FROM subscriptions_recurring charge
JOIN accounts_orgs org ON org.id = charge.org_id
JOIN catalog_versions version ON version.id = charge.plan_version_id
LEFT JOIN subscriptions_planned_at(:until) planned
       ON planned.org_id = charge.org_id AND planned.subscription_id = charge.subscription_id
LEFT JOIN catalog_prices price ON price.plan_version_id = planned.plan_version_id
      AND price.currency = planned.currency AND price.interval = planned.interval
WHERE charge.starts_at <= :until AND (CAST(:org AS uuid) IS NULL OR charge.org_id = :org)
ORDER BY charge.org_id, charge.starts_at
""")

_COUNTS = text("""
SELECT month.at, count(org.id) AS orgs
FROM unnest(CAST(:starts AS timestamptz[])) AS month (at)
LEFT JOIN accounts_orgs org ON org.created_at <= month.at AND (org.deleted_at IS NULL OR org.deleted_at > month.at)
      AND (CAST(:org AS uuid) IS NULL OR org.id = :org)
GROUP BY month.at
""")


def list_timelines(session: Session, until: datetime, org_id: UUID | None = None) -> list[Timeline]:
    """What every organisation was charged up to an instant, or one alone.

    Worked example: Acme tried Pro for two weeks in October and has paid 49 USD a month since: two stretches.
    """
    rows = session.execute(_STRETCHES, {"until": until, "org": org_id}).all()
    return [_build(org, list(theirs)) for org, theirs in groupby(rows, key=lambda row: row.org_id)]


def _build(org_id: UUID, rows: Sequence[Row[Any]]) -> Timeline:
    return Timeline(org_id, rows[0].name, rows[0].created_at, tuple(_stretch(row) for row in rows))


def _stretch(row: Row[Any]) -> Stretch:
    charge = ChargeFacts(
        state=row.state,
        currency=row.currency,
        fees=read_fees(row.fees),
        discounts=read_discounts(row.discounts),
        paused=row.paused,
        trial_ends_at=row.trial_ends_at,
        cancel_at=row.cancel_at,
    )
    planned = None if row.planned_interval is None else (RecurringFee(ZERO + (row.planned or 0), row.planned_interval),)
    return Stretch(row.plan_key, row.plan_name, charge, row.starts_at, row.ends_at, planned)


def count_orgs_at(session: Session, months: Sequence[date], org_id: UUID | None = None) -> dict[date, int]:
    """How many organisations there were when each month began.

    Worked example: one of three was deleted in October: three on 1 October, two on 1 November.
    """
    starts = [start_of(month) for month in months]
    rows = session.execute(_COUNTS, {"starts": starts, "org": org_id}).all()
    return {month_at(row.at): row.orgs for row in rows}
