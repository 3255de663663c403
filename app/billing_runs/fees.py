"""Writes the fees of billing periods that we invoice ourselves, in advance: a line a period, once.

A period's fee is the price of the plan that the organisation is on when the close's grace has passed since the period
began: a plan that staff assign by mistake and replace within the hour costs nothing. A plan without a price in the
subscription's interval and currency has no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.invoices.models import FEE
from app.invoices.service import LineFacts, write_lines
from app.kit.money import ZERO
from app.kit.periods import Period, anchored
from app.subscriptions.period_schedule import MONTHS

SAME = timedelta(days=2)
"""How far a period's start may move, with the org's zone, and still be that period's."""
WAIT = timedelta(hours=6)
"""How long a fee waits for the close of a usage period that ended when its period began, to share its invoice."""

# The last billing period of each subscription of ours, where the plan has a price and the period has no fee.
_DUE = text("""
SELECT DISTINCT sub.org_id FROM subscriptions_offline sub
JOIN accounts_orgs org ON org.id = sub.org_id AND org.deleted_at IS NULL
JOIN catalog_prices price ON price.plan_version_id = sub.plan_version_id AND price.currency = sub.currency
     AND price.interval = sub.interval AND price.amount > 0
WHERE (CAST(:org AS uuid) IS NULL OR sub.org_id = :org)
  AND sub.billing_starts_at + :grace <= :now
  AND sub.billing_starts_at + :grace >= sub.started_at
  AND (sub.ended_at IS NULL OR sub.billing_starts_at + :grace < sub.ended_at)
  AND NOT EXISTS (SELECT FROM invoices_fees fee
                  WHERE fee.org_id = sub.org_id AND fee.anchor_at = sub.anchor_at
                    AND fee.period_start BETWEEN sub.billing_starts_at - :same AND sub.billing_starts_at + :same)
  AND (sub.billing_starts_at + :wait <= :now
       OR NOT EXISTS (SELECT FROM subscriptions_periods period
                      LEFT JOIN period_closes close
                             ON close.org_id = period.org_id AND close.period_start = period.starts_at
                      WHERE period.org_id = sub.org_id AND close.billed_at IS NULL
                        AND period.ends_at BETWEEN sub.billing_starts_at - :grace AND sub.billing_starts_at))
ORDER BY sub.org_id LIMIT :most
""")
_SUBSCRIPTIONS = text("""
SELECT sub.plan_version_id, sub.interval, sub.currency, sub.anchor_at, sub.started_at, sub.ended_at, price.amount
FROM subscriptions_offline sub
JOIN catalog_prices price ON price.plan_version_id = sub.plan_version_id AND price.currency = sub.currency
     AND price.interval = sub.interval AND price.amount > 0
WHERE sub.org_id = :org ORDER BY sub.started_at
""")
_NEXT = text("""
SELECT min(sub.billing_starts_at) FROM subscriptions_offline sub JOIN subscriptions_open running ON running.id = sub.id
WHERE sub.billing_starts_at > :after AND sub.billing_starts_at <= :until
""")
_KNOWN = text("SELECT anchor_at, period_start FROM invoices_fees WHERE org_id = :org")


def list_fees_due(
    session: Session, now: datetime, grace: timedelta, limit: int, org_id: UUID | None = None
) -> Sequence[UUID]:
    """List the orgs that are to be invoiced for a billing period, but for those whose close will do it.

    Worked example: an org that staff put on Pro at noon, at one o'clock.
    """
    values = {"now": now, "grace": grace, "same": SAME, "wait": WAIT, "most": limit, "org": org_id}
    return session.scalars(_DUE, values).all()


def find_next_fee(session: Session, after: datetime, until: datetime, grace: timedelta) -> datetime | None:
    """Find the earliest instant in (after, until] at which the fee of a billing period is due."""
    start = session.scalar(_NEXT, {"after": after - grace, "until": until - grace})
    return None if start is None else start + grace


def write_fee_lines(session: Session, org_id: UUID, now: datetime, grace: timedelta) -> None:
    """Write the missing fees of an org, also of periods that passed while nothing ran. The caller has the usage lock.

    Worked example: on Pro at 49.00 USD a month since 21 November, on 21 December: 4900 for 21 December to 21 January.
    """
    zone = accounts.get_org(session, org_id).time_zone
    known = {(row.anchor_at, row.period_start) for row in session.execute(_KNOWN, {"org": org_id})}
    missing = []
    for row in session.execute(_SUBSCRIPTIONS, {"org": org_id}).all():
        for period in _list_periods(row, zone, now, grace):
            if not any(row.anchor_at == anchor and abs(start - period.start) <= SAME for anchor, start in known):
                known.add((row.anchor_at, period.start))
                missing.append(_state_fee(row, period))
    write_lines(session, {org_id: missing}, now)


def _list_periods(row: Row[Any], zone: str, now: datetime, grace: timedelta) -> Iterator[Period]:
    """The billing periods whose fee is the subscription's: it was in force when their grace had passed."""
    months, last = MONTHS[row.interval], min(now, row.ended_at or now) - grace
    period = anchored(row.anchor_at, max(row.anchor_at, row.started_at), zone, months)
    while period.start <= last and (row.ended_at is None or period.start + grace < row.ended_at):
        if period.start + grace >= row.started_at:
            yield period
        period = anchored(row.anchor_at, period.end, zone, months)


def _state_fee(row: Row[Any], period: Period) -> LineFacts:
    return LineFacts(
        meter_id=None,
        period=period,
        plan_version_id=row.plan_version_id,
        quantity=ZERO + 1,
        imported=ZERO,
        events=0,
        currency=row.currency,
        exact_amount=ZERO + row.amount,
        amount=row.amount,
        reason=None,
        terms={"interval": row.interval, "anchor_at": row.anchor_at.isoformat()},
        breakdown={},
        kind=FEE,
    )
