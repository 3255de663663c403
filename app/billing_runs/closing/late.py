"""Late usage: what was recorded of a closed period since its close, rated by that period's terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.billing_runs.closing.before_change import find_before_change_line
from app.billing_runs.closing.lines import state_row
from app.invoices.models import LATE
from app.invoices.service import LineFacts
from app.kit.money import ZERO, plain
from app.kit.postgres.arrays import encode_ids
from app.statements import queries as statements

_INSTANT = timedelta(microseconds=1)

# Closed periods of which more, or less, is counted than was billed, with what was billed of each meter.
_DIFFERING = text("""
SELECT period.org_id, period.starts_at, counter.meter_id, coalesce(billed.quantity, 0) AS quantity,
       coalesce(billed.imported, 0) AS imported, coalesce(billed.events, 0) AS events,
       coalesce(billed.exact_amount, 0) AS exact_amount, coalesce(billed.amount, 0) AS amount
FROM subscriptions_periods period
JOIN metering_counters counter ON counter.org_id = period.org_id AND counter.period_start = period.starts_at
LEFT JOIN invoices_billed billed ON billed.org_id = period.org_id AND billed.period_start = period.starts_at
     AND billed.meter_id = counter.meter_id
WHERE period.org_id = ANY (CAST(:orgs AS uuid[])) AND counter.unsettled IS NULL AND period.closed_at IS NOT NULL
  AND (counter.billable, counter.unbilled) IS DISTINCT FROM
      (coalesce(billed.quantity, 0), coalesce(billed.imported, 0))
ORDER BY period.org_id, period.starts_at, counter.meter_id
""")

_BEFORE_BILLED = text("""
SELECT amount FROM invoices_billed WHERE org_id = :org AND period_start = :start AND meter_id IS NULL
""")


@dataclass(frozen=True, slots=True)
class Billed:
    """What a meter's lines of a closed period come to so far."""

    quantity: Decimal = ZERO
    imported: Decimal = ZERO
    events: int = 0
    exact_amount: Decimal = ZERO
    amount: int = 0


def find_late_lines(session: Session, orgs: Sequence[UUID]) -> Iterator[tuple[UUID, LineFacts]]:
    """What differs between the closed periods of orgs and their lines, by org; the caller holds their usage locks.

    The difference is the rating of all that is counted now, less what was billed. It may be below zero: under `volume`
    more use can cost less.
    """
    differing = session.execute(_DIFFERING, {"orgs": encode_ids(orgs)}).all()
    for (org_id, starts_at), billed in groupby(differing, lambda row: (row.org_id, row.starts_at)):
        rows = statements.list_period_rows(session, org_id, starts_at, starts_at + _INSTANT)
        whole = {row.meter_id: state_row(row) for row in rows if row.meter_id is not None}
        for row in billed:
            so_far = Billed(row.quantity, row.imported, row.events, row.exact_amount, row.amount)
            yield org_id, subtract_billed(whole[row.meter_id], so_far)
        owed = sum(line.amount for line in whole.values())
        told = session.scalar(_BEFORE_BILLED, {"org": org_id, "start": starts_at}) or 0
        before = find_before_change_line(session, org_id, rows, owed, told)
        if before is not None:
            yield org_id, before


def subtract_billed(whole: LineFacts, billed: Billed) -> LineFacts:
    """The line of what a period comes to beyond what was billed of it. Pure."""
    return whole._replace(
        kind=LATE,
        quantity=whole.quantity - billed.quantity,
        imported=whole.imported - billed.imported,
        events=whole.events - billed.events,
        exact_amount=whole.exact_amount - billed.exact_amount,
        amount=whole.amount - billed.amount,
        breakdown={
            **whole.breakdown,
            "counted": plain(whole.quantity),
            "amount": whole.amount,
            "billed_before": billed.amount,
        },
    )
