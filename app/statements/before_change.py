"""What a period owed before its plan was changed: a change never lowers what the running period already owes (2.6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.kit.postgres.arrays import encode_keys
from app.rating import price
from app.rating.schemas import parse_charge

# Usage that happened before each change, with the terms of then.
_BEFORE = """
SELECT before.org_id, before.period_start, before.changed_at, before.allowance, charge.model, charge.properties,
       charge.currency, coalesce(used.used - used.unbilled, 0) AS used
FROM subscriptions_superseded before
JOIN subscriptions_charges charge ON charge.id = before.charge_id
LEFT JOIN LATERAL usage_span_figures(
    org => before.org_id, since => before.period_start, until => before.changed_at) used
       ON used.meter_id = before.meter_id
{those}
"""
_BETWEEN = text(
    _BEFORE.format(those="WHERE before.org_id = :org AND before.period_start >= :start AND before.period_start < :end")
)
_NAMED = text(
    _BEFORE.format(
        those="JOIN unnest(CAST(:orgs AS uuid[]), CAST(:starts AS timestamptz[])) key (org_id, starts_at)"
        " ON key.org_id = before.org_id AND key.starts_at = before.period_start"
    )
)


class OwedBefore(NamedTuple):
    """The most that the usage before a change came to by the terms of then, in minor units, and that change."""

    amount: int
    changed_at: datetime


def get_owed_before(session: Session, org_id: UUID, start: datetime, end: datetime) -> dict[datetime, OwedBefore]:
    """Get what the periods that start in [start, end) owed before their plan was changed, by the period's start.

    A minimum is no usage, so it counts for nothing here. Worked example: 60,000 calls on Pro, then a move to Max, which
    includes them: {<the period's start>: (10000, <the move>)}.
    """
    rows = session.execute(_BETWEEN, {"org": org_id, "start": start, "end": end})
    return {starts_at: owed for (_, starts_at), owed in _find_most(rows).items()}


def get_owed_before_of(
    session: Session, keys: Sequence[tuple[UUID, datetime]]
) -> dict[tuple[UUID, datetime], OwedBefore]:
    """Get the same of periods of several organisations, each named by its org and start."""
    return _find_most(session.execute(_NAMED, encode_keys(keys))) if keys else {}


def _find_most(rows: Iterable[Row[Any]]) -> dict[tuple[UUID, datetime], OwedBefore]:
    """The change before which a period owed most, by the period."""
    sums: dict[tuple[tuple[UUID, datetime], datetime], int] = defaultdict(int)
    for row in rows:
        charge = parse_charge(row.model, row.properties, row.currency)
        rated = price(charge, row.used, row.allowance, minimum_portion=Fraction(0))
        sums[(row.org_id, row.period_start), row.changed_at] += rated.rounded
    most: dict[tuple[UUID, datetime], OwedBefore] = {}
    for (key, changed_at), amount in sums.items():
        if key not in most or amount > most[key].amount:
            most[key] = OwedBefore(amount, changed_at)
    return most
