"""Reads that join what several rooms keep, the org first: one statement a question, so that a page asks few."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from app.catalog.models import Meter, Plan, PlanVersion
from app.portal.views_models import Person

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

# The running period, and every meter; `listed` are those of the plan and those ever used by the org.
_FRAME = text("""
SELECT meter.id, meter.key, meter.name, meter.unit, meter.aggregation, period.starts_at, period.ends_at,
       EXISTS (SELECT FROM plan_meters p
               WHERE p.plan_version_id = plan_in_force(:org_id, :now) AND p.meter_id = meter.id)
       OR EXISTS (SELECT FROM usage_counters c WHERE c.org_id = :org_id AND c.meter_id = meter.id) AS listed
FROM meters meter
LEFT JOIN usage_periods period
       ON period.org_id = :org_id AND period.starts_at <= :now AND period.ends_at > :now
ORDER BY meter.id
""")
# What was not counted: single events with their reason, and refusals at a limit by the hour.
_REFUSED = text("""
(SELECT at, event ->> 'meter' AS meter, code, detail, 1 AS events FROM refused_events
 WHERE org_id = :org_id AND at >= :since ORDER BY id DESC LIMIT :many)
UNION ALL
(SELECT hour, meter.name, 'quota_exceeded', '', refused.count::integer FROM refused_quota refused
 JOIN meters meter ON meter.id = refused.meter_id
 WHERE refused.org_id = :org_id AND refused.hour >= :since ORDER BY hour DESC LIMIT :many)
ORDER BY at DESC LIMIT :many
""")
# How far an org has come with its first steps.
_FIRST_STEPS = text("""
SELECT EXISTS (SELECT FROM api_keys WHERE org_id = :org_id AND revoked_at IS NULL) AS has_key,
       (SELECT count(*) FROM memberships WHERE org_id = :org_id) AS members,
       EXISTS (SELECT FROM subscriptions WHERE org_id = :org_id AND ended_at IS NULL) AS has_plan
""")
_ASK = text("""
SELECT person.name, person.email FROM memberships member JOIN users person ON person.id = member.user_id
WHERE member.org_id = :org_id AND member.role IN ('owner', 'admin', 'billing')
  AND person.disabled_at IS NULL AND person.deleted_at IS NULL
ORDER BY member.role <> 'owner', lower(person.name) LIMIT 5
""")


def current(session: Session, org_id: UUID, now: datetime) -> Rows:
    """The org's standing and one row a meter of the period that holds `now`; one row without a meter when it has none.

    Empty when there is no such org. Worked example: an org on Free with two metered allowances, one of them used,
    gives two rows that repeat plan, period and currency, with used 0 on the other.
    """
    return session.execute(_CURRENT, {"org_id": org_id, "now": now}).all()


def periods(session: Session, org_id: UUID, start: datetime, end: datetime) -> Rows:
    """One row a meter used in each usage period that begins in [start, end), oldest first.

    Worked example: two calendar months, one meter used in each: two rows, each with its month's terms and charge.
    """
    return session.execute(_PERIODS, {"org_id": org_id, "start": start, "end": end}).all()


def plan_of_version(session: Session, version_id: UUID) -> Row[Any] | None:
    """Key and name of the plan that a version is of."""
    chosen = select(Plan.key, Plan.name).join(PlanVersion, PlanVersion.plan_id == Plan.id)
    found: Row[Any] | None = session.execute(chosen.where(PlanVersion.id == version_id)).one_or_none()  # type: ignore[assignment]  # a row of two
    return found


def terms(session: Session, org_id: UUID) -> Rows:
    """From when on the org was on which plan, oldest first: Free since March, then Pro since May, are two rows."""
    return session.execute(_TERMS, {"org_id": org_id}).all()


def meters(session: Session) -> dict[int, Meter]:
    """Every meter by its id, archived ones too: old usage still has its name."""
    return {meter.id: meter for meter in session.scalars(select(Meter).order_by(Meter.id))}


def frame(session: Session, org_id: UUID, now: datetime) -> Rows:
    """Every meter, each row with the running period (None before it is opened) and whether the org's pages list it.

    Worked example: three meters in the catalogue, two of them in the plan: three rows, two listed.
    """
    return session.execute(_FRAME, {"org_id": org_id, "now": now}).all()


def refused(session: Session, org_id: UUID, since: datetime, many: int) -> Rows:
    """The newest refusals since then. Two bad events and an hour with 40 over a limit: three rows, counts 1, 1, 40."""
    return session.execute(_REFUSED, {"org_id": org_id, "since": since, "many": many}).all()


def first_steps(session: Session, org_id: UUID) -> Row[Any]:
    """Whether the org has a key and a plan of its own, and how many members. A new org: no, 1, no."""
    return session.execute(_FIRST_STEPS, {"org_id": org_id}).one()


def who_may_change_plan(session: Session, org_id: UUID) -> list[Person]:
    """The members who may, owners first: what a viewer's page says whom to ask."""
    return [Person(row.name, row.email) for row in session.execute(_ASK, {"org_id": org_id})]
