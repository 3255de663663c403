"""The organisations on a plan: what they pay for it, their running usage period, and the last one that was closed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.subscriptions.states import RECURRING

Rows = Sequence[Row[Any]]

# The last closed period counts where it was on the same plan, whichever version.
_SELECT = """
SELECT holder.org_id, holder.name, version.number, holder.period_start, holder.plan_version_id,
       version.plan_key, coalesce(ours.plan_version_id, holder.plan_version_id) AS paid_version_id,
       ours.interval, ours.currency, closed.starts_at AS closed_start, closed.plan_version_id AS closed_version_id,
       EXISTS (SELECT FROM payments_prices_unknown unknown WHERE unknown.org_id = holder.org_id) AS own_price,
       count(*) OVER () AS total
FROM subscriptions_holders(:now) holder
JOIN catalog_versions version ON version.id = holder.plan_version_id
LEFT JOIN subscriptions_open ours ON ours.org_id = holder.org_id
LEFT JOIN LATERAL (
    SELECT period.starts_at, period.plan_version_id FROM subscriptions_periods period
    JOIN catalog_versions before ON before.id = period.plan_version_id AND before.plan_id = version.plan_id
    WHERE period.org_id = holder.org_id AND period.closed_at IS NOT NULL AND period.starts_at < holder.period_start
    ORDER BY period.starts_at DESC LIMIT 1
) closed ON true
"""
_HOLDERS = text(f"""{_SELECT}
WHERE version.plan_key = :key AND (CAST(:number AS integer) IS NULL OR version.number = :number)
  AND (CAST(:after AS uuid) IS NULL OR holder.org_id > :after)
ORDER BY holder.org_id LIMIT :limit
""")
_ORG = text(f"{_SELECT} WHERE holder.org_id = :org")
# Fees of all of them, however many: by version, interval and currency.
_FEES = text("""
SELECT ours.currency, ours.interval, price.amount, count(*) AS orgs
FROM subscriptions_holders(:now) holder
JOIN catalog_versions version ON version.id = holder.plan_version_id
JOIN subscriptions_open ours ON ours.org_id = holder.org_id AND ours.state = ANY (:counted)
LEFT JOIN catalog_prices price ON price.plan_version_id = ours.plan_version_id
                              AND price.currency = ours.currency AND price.interval = ours.interval
WHERE version.plan_key = :key AND (CAST(:number AS integer) IS NULL OR version.number = :number)
  AND NOT EXISTS (SELECT FROM payments_prices_unknown unknown WHERE unknown.org_id = holder.org_id)
GROUP BY ours.currency, ours.interval, price.amount ORDER BY ours.currency, ours.interval, price.amount
""")
_PRICES = text("""
SELECT plan_version_id, currency, interval, amount FROM catalog_prices
WHERE plan_version_id IN (SELECT id FROM catalog_versions WHERE plan_key = ANY (:keys))
""")


def list_holders(
    session: Session, key: str, number: int | None, now: datetime, *, limit: int, after: UUID | None = None
) -> Rows:
    """At most `limit` organisations on a plan, or on one of its versions, by id; `total` is how many there are.

    With `after`, those that follow it.

    Worked example: two on Pro's version 1, one of them since this month: both, that one without a closed period.
    """
    asked = {"key": key, "number": number, "now": now, "limit": limit, "after": after}
    return session.execute(_HOLDERS, asked).all()


def count_holders(session: Session, key: str, number: int, now: datetime) -> int:
    """How many organisations are on a version of a plan.

    Worked example: two on Pro's version 1: 2.
    """
    rows = list_holders(session, key, number, now, limit=1)
    return rows[0].total if rows else 0


def list_org(session: Session, org_id: UUID, now: datetime) -> Rows:
    """The same of one organisation, on whichever plan; none before its first usage period is open.

    Worked example: one on Free since it signed up: one row, without an interval.
    """
    return session.execute(_ORG, {"org": org_id, "now": now}).all()


def list_fees(session: Session, key: str, number: int | None, now: datetime) -> Rows:
    """What the organisations on a plan pay for it: by currency, interval and fee, with how many pay it.

    Worked example: three pay 49 USD a month, one 490 USD a year: (USD, month, 4900, 3), (USD, year, 49000, 1).
    """
    return session.execute(_FEES, {"key": key, "number": number, "now": now, "counted": sorted(RECURRING)}).all()


def get_prices(session: Session, keys: Collection[str]) -> dict[tuple[Any, str, str], int]:
    """The prices of every version of some plans, by version, currency and interval.

    Worked example: Pro in two versions, in USD by month and year: four prices.
    """
    rows = session.execute(_PRICES, {"keys": sorted(keys)})
    return {(row.plan_version_id, row.currency, row.interval): row.amount for row in rows}
