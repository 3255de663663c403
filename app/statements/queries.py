"""Reads behind the figures: an organisation's terms, periods and counters, one query per question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.catalog.models import Meter

Rows = Sequence[Row[Any]]

# Plan version, period and currency at :now; then the meters of the period: those with a limit in force and those used.
# Before the period is opened these are the plan's own, where `charge` holds as `block` while nobody collects.
_CURRENT = text("""
WITH org AS (SELECT created_at, time_zone FROM orgs WHERE id = :org_id),
subscription AS (
    SELECT interval, collection, state, limited_at FROM subscriptions WHERE org_id = :org_id AND ended_at IS NULL
),
period AS (
    SELECT starts_at, ends_at FROM usage_periods WHERE org_id = :org_id AND starts_at <= :now AND ends_at > :now
),
version AS (SELECT plan_in_force(:org_id, :now) AS id),
money AS (SELECT currency_in_force(:org_id, version.id, :now) AS currency FROM version),
limits AS (
    SELECT meter_id, allowance, policy, hard_limit, per_minute, per_hour, per_day FROM limits_in_force
    WHERE org_id = :org_id AND period_start = (SELECT starts_at FROM period)
    UNION ALL
    SELECT meter_id, allowance, CASE WHEN policy = 'charge' AND NOT paying.paying THEN 'block' ELSE policy END,
           CASE WHEN policy = 'charge' AND NOT paying.paying THEN NULL ELSE hard_limit END,
           per_minute, per_hour, per_day
    FROM plan_meters, (SELECT EXISTS (SELECT FROM subscription WHERE collection <> 'none')) paying (paying)
    WHERE plan_version_id = (SELECT id FROM version) AND NOT EXISTS (SELECT FROM period)
),
counters AS (
    SELECT meter_id, used, reserved, unbilled FROM usage_counters
    WHERE org_id = :org_id AND period_start = (SELECT starts_at FROM period)
)
SELECT org.created_at AS org_since, org.time_zone, money.currency, period.starts_at, period.ends_at,
       plan.key AS plan_key, plan.name AS plan_name, pv.number AS plan_version, pv.id AS plan_version_id,
       subscription.interval, subscription.collection, subscription.state,
       subscription.limited_at IS NOT NULL AS free_limits, fee.amount AS fee,
       meter.key, meter.name, meter.unit, meter.aggregation,
       coalesce(limits.policy, 'warn') AS policy, limits.meter_id IS NOT NULL AS limited, limits.allowance,
       limits.hard_limit, coalesce(counters.used, 0) AS used, coalesce(counters.reserved, 0) AS reserved,
       coalesce(counters.unbilled, 0) AS unbilled, charge.model, charge.properties, windows.found AS windows,
       EXISTS (SELECT FROM usage_counters WHERE org_id = :org_id) AS ever_used
FROM org CROSS JOIN version CROSS JOIN money
LEFT JOIN period ON true
LEFT JOIN subscription ON true
LEFT JOIN plan_versions pv ON pv.id = version.id
LEFT JOIN plans plan ON plan.id = pv.plan_id
LEFT JOIN plan_prices fee ON fee.plan_version_id = pv.id AND fee.currency = money.currency
     AND fee.interval = coalesce(subscription.interval, 'month')
LEFT JOIN (limits FULL JOIN counters USING (meter_id)) ON true
LEFT JOIN meters meter ON meter.id = meter_id
LEFT JOIN plan_charges charge ON charge.plan_version_id = pv.id AND charge.meter_id = meter.id
     AND charge.currency = money.currency
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(s.span, s.cap::text, coalesce(w.used, 0)::text, s.ends_at)
                     ORDER BY s.ends_at - s.starts_at DESC) AS found
    FROM usage_spans(:org_id, :now, limits.per_minute, limits.per_hour, limits.per_day) s
    LEFT JOIN usage_windows w
           ON w.org_id = :org_id AND w.meter_id = meter.id AND w.span = s.span AND w.starts_at = s.starts_at
    WHERE num_nonnulls(limits.per_minute, limits.per_hour, limits.per_day) > 0
) windows ON true
ORDER BY limits.meter_id IS NULL, meter.id
""")
# What was used in each period that begins in [:start, :end), with the terms it is rated by.
_PERIODS = text("""
SELECT period.starts_at, period.ends_at, money.currency, plan.key AS plan_key, plan.name AS plan_name,
       meter.key, meter.name, meter.unit, meter.aggregation, coalesce(limits.policy, 'warn') AS policy,
       limits.meter_id IS NOT NULL AS limited, limits.allowance, limits.hard_limit,
       counter.used, counter.reserved, counter.unbilled, charge.model, charge.properties
FROM usage_periods period
JOIN plan_versions pv ON pv.id = period.plan_version_id
JOIN plans plan ON plan.id = pv.plan_id
CROSS JOIN LATERAL (
    SELECT currency_in_force(period.org_id, pv.id, period.ends_at - interval '1 microsecond') AS currency) money
LEFT JOIN usage_counters counter ON counter.org_id = period.org_id AND counter.period_start = period.starts_at
LEFT JOIN limits_in_force limits ON limits.org_id = period.org_id AND limits.period_start = period.starts_at
     AND limits.meter_id = counter.meter_id
LEFT JOIN meters meter ON meter.id = counter.meter_id
LEFT JOIN plan_charges charge ON charge.plan_version_id = pv.id AND charge.meter_id = counter.meter_id
     AND charge.currency = money.currency
WHERE period.org_id = :org_id AND period.starts_at >= :start AND period.starts_at < :end
ORDER BY period.starts_at, meter.id
""")
# From when on the org was on which plan.
_TERMS = text("""
SELECT term.starts_at, plan.key, plan.name
FROM subscription_terms term
JOIN plan_versions pv ON pv.id = term.plan_version_id
JOIN plans plan ON plan.id = pv.plan_id
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


def get_meters_by_id(session: Session) -> dict[int, Meter]:
    """All meters by id, including archived ones, so that old usage keeps its name."""
    return {meter.id: meter for meter in session.scalars(select(Meter).order_by(Meter.id))}
