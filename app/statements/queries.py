"""Reads behind the figures: an organisation's terms, periods and counters, one query per question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

Rows = Sequence[Row[Any]]

# Plan version, period and currency at :now, then the period's meters: those with a limit in force and those used.
# Before the period opens, the plan's own meters, with `charge` treated as `block` while nobody collects payment.
_CURRENT = text("""
WITH org AS (SELECT created_at, time_zone FROM accounts_orgs WHERE id = :org_id),
subscription AS (
    SELECT interval, collection, state, limited_at FROM subscriptions_open WHERE org_id = :org_id
),
period AS (
    SELECT starts_at, ends_at FROM subscriptions_periods WHERE org_id = :org_id AND starts_at <= :now AND ends_at > :now
),
version AS (SELECT plan_in_force(:org_id, :now) AS id),
money AS (SELECT currency_in_force(:org_id, version.id, :now) AS currency FROM version),
limits AS (
    SELECT meter_id, allowance, policy, hard_limit, per_minute, per_hour, per_day FROM subscriptions_limits
    WHERE org_id = :org_id AND period_start = (SELECT starts_at FROM period)
    UNION ALL
    SELECT meter_id, allowance, CASE WHEN policy = 'charge' AND NOT paying.paying THEN 'block' ELSE policy END,
           CASE WHEN policy = 'charge' AND NOT paying.paying THEN NULL ELSE hard_limit END,
           per_minute, per_hour, per_day
    FROM catalog_allowances, (SELECT EXISTS (SELECT FROM subscription WHERE collection <> 'none')) paying (paying)
    WHERE plan_version_id = (SELECT id FROM version) AND NOT EXISTS (SELECT FROM period)
),
counters AS (
    SELECT meter_id, used, reserved, unbilled FROM metering_counters
    WHERE org_id = :org_id AND period_start = (SELECT starts_at FROM period)
)
SELECT org.created_at AS org_since, org.time_zone, money.currency, period.starts_at, period.ends_at,
       pv.plan_key, pv.plan_name, pv.number AS plan_version, pv.id AS plan_version_id,
       subscription.interval, subscription.collection, subscription.state,
       subscription.limited_at IS NOT NULL AS free_limits, fee.amount AS fee,
       meter.key, meter.name, meter.unit, meter.aggregation,
       coalesce(limits.policy, 'warn') AS policy, limits.meter_id IS NOT NULL AS limited, limits.allowance,
       limits.hard_limit, coalesce(counters.used, 0) AS used, coalesce(counters.reserved, 0) AS reserved,
       coalesce(counters.unbilled, 0) AS unbilled, charge.model, charge.properties, windows.found AS windows,
       EXISTS (SELECT FROM metering_counters WHERE org_id = :org_id) AS ever_used
FROM org CROSS JOIN version CROSS JOIN money
LEFT JOIN period ON true
LEFT JOIN subscription ON true
LEFT JOIN catalog_versions pv ON pv.id = version.id
LEFT JOIN catalog_prices fee ON fee.plan_version_id = pv.id AND fee.currency = money.currency
     AND fee.interval = coalesce(subscription.interval, 'month')
LEFT JOIN (limits FULL JOIN counters USING (meter_id)) ON true
LEFT JOIN catalog_meters meter ON meter.id = meter_id
LEFT JOIN catalog_charges charge ON charge.plan_version_id = pv.id AND charge.meter_id = meter.id
     AND charge.currency = money.currency
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(s.span, s.cap::text, coalesce(w.used, 0)::text, s.ends_at)
                     ORDER BY s.ends_at - s.starts_at DESC) AS found
    FROM usage_spans(:org_id, :now, limits.per_minute, limits.per_hour, limits.per_day) s
    LEFT JOIN metering_windows w
           ON w.org_id = :org_id AND w.meter_id = meter.id AND w.span = s.span AND w.starts_at = s.starts_at
    WHERE num_nonnulls(limits.per_minute, limits.per_hour, limits.per_day) > 0
) windows ON true
ORDER BY limits.meter_id IS NULL, meter.id
""")
# Usage in each period that starts in [:start, :end), with the terms it is rated by.
_PERIODS = text("""
SELECT period.starts_at, period.ends_at, money.currency, pv.plan_key, pv.plan_name,
       meter.key, meter.name, meter.unit, meter.aggregation, coalesce(limits.policy, 'warn') AS policy,
       limits.meter_id IS NOT NULL AS limited, limits.allowance, limits.hard_limit,
       counter.used, counter.reserved, counter.unbilled, charge.model, charge.properties
FROM subscriptions_periods period
JOIN catalog_versions pv ON pv.id = period.plan_version_id
CROSS JOIN LATERAL (
    SELECT currency_in_force(period.org_id, pv.id, period.ends_at - interval '1 microsecond') AS currency) money
LEFT JOIN metering_counters counter ON counter.org_id = period.org_id AND counter.period_start = period.starts_at
LEFT JOIN subscriptions_limits limits ON limits.org_id = period.org_id AND limits.period_start = period.starts_at
     AND limits.meter_id = counter.meter_id
LEFT JOIN catalog_meters meter ON meter.id = counter.meter_id
LEFT JOIN catalog_charges charge ON charge.plan_version_id = pv.id AND charge.meter_id = counter.meter_id
     AND charge.currency = money.currency
WHERE period.org_id = :org_id AND period.starts_at >= :start AND period.starts_at < :end
ORDER BY period.starts_at, meter.id
""")
# The organisation's plans over time.
_TERMS = text("""
SELECT term.starts_at, pv.plan_key AS key, pv.plan_name AS name
FROM subscriptions_terms term
JOIN catalog_versions pv ON pv.id = term.plan_version_id
WHERE term.org_id = :org_id ORDER BY term.starts_at
""")


def list_current_rows(session: Session, org_id: UUID, now: datetime) -> Rows:
    """Plan, period and currency at `now`, one row per meter; a single row without a meter if there are none.

    Empty if the organisation does not exist. Worked example: an org on Free with two metered allowances, one of them
    used: two rows that repeat plan, period and currency, with used 0 on the other.
    """
    return session.execute(_CURRENT, {"org_id": org_id, "now": now}).all()


def list_period_rows(session: Session, org_id: UUID, start: datetime, end: datetime) -> Rows:
    """One row per meter used in each usage period that starts in [start, end), oldest first.

    Worked example: two calendar months, one meter used in each: two rows, each with its month's terms and charge.
    """
    return session.execute(_PERIODS, {"org_id": org_id, "start": start, "end": end}).all()


def list_plan_terms(session: Session, org_id: UUID) -> Rows:
    """When the organisation joined which plan, oldest first: Free since March, then Pro since May: two rows."""
    return session.execute(_TERMS, {"org_id": org_id}).all()
