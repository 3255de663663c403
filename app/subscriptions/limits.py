"""Limits in force: a plan version's limits, copied into a usage period for metering to read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from app.catalog.models import PlanMeter, PlanVersion
from app.subscriptions.models import LimitInForce

# Where nobody collects payment, nothing can be owed, so `charge` becomes `block` at the allowance (rule 2.7). A
# restricted org (on the Free plan's limits until it pays) gets that version's limits; a meter the version does not
# mention keeps its own, since a meter without a row would be unlimited.
_COPY = text("""
    INSERT INTO limits_in_force
        (org_id, meter_id, period_start, allowance, policy, hard_limit, per_minute, per_hour, per_day)
    SELECT p.org_id, m.meter_id, p.starts_at, m.allowance,
           CASE WHEN m.policy = 'charge' AND NOT :owes THEN 'block' ELSE m.policy END,
           CASE WHEN m.policy = 'charge' AND NOT :owes THEN NULL ELSE m.hard_limit END,
           m.per_minute, m.per_hour, m.per_day
    FROM usage_periods p JOIN catalog_allowances m ON m.plan_version_id = CAST(:held_to AS uuid)
        OR (m.plan_version_id = p.plan_version_id AND NOT EXISTS (
            SELECT FROM catalog_allowances h
            WHERE h.plan_version_id = CAST(:held_to AS uuid) AND h.meter_id = m.meter_id))
    WHERE p.org_id = :org AND p.starts_at = ANY (:starts)
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class LimitBasis:
    """How limits apply to an org: whether it can owe money, and the version that restricts it until it pays."""

    owes: bool
    restricted_to: UUID | None = None


def copy_limits(session: Session, org_id: UUID, starts: Collection[datetime], basis: LimitBasis) -> None:
    """Copy each plan version's limits into the periods with these starts. Idempotent."""
    owes = basis.owes and basis.restricted_to is None
    session.execute(_COPY, {"org": org_id, "starts": list(starts), "owes": owes, "held_to": basis.restricted_to})


def replace_limits(session: Session, org_id: UUID, starts: Collection[datetime], basis: LimitBasis) -> None:
    """Replace the limits of the periods with these starts; the caller holds the org's usage lock."""
    outdated = delete(LimitInForce).where(LimitInForce.org_id == org_id, LimitInForce.period_start.in_(starts))
    session.execute(outdated)
    copy_limits(session, org_id, starts, basis)


def build_limits(version: PlanVersion, org_id: UUID, start: datetime, *, owes: bool) -> list[LimitInForce]:
    """Build the rows a period from `start` would have, without storing them. `version` is loaded with its parts."""
    return [_build_limit(meter, org_id, start, owes=owes) for meter in version.meters]


def _build_limit(meter: PlanMeter, org_id: UUID, start: datetime, *, owes: bool) -> LimitInForce:
    blocked = meter.policy == "charge" and not owes
    return LimitInForce(
        org_id=org_id,
        meter_id=meter.meter_id,
        period_start=start,
        allowance=meter.allowance,
        policy="block" if blocked else meter.policy,
        hard_limit=None if blocked else meter.hard_limit,
        per_minute=meter.per_minute,
        per_hour=meter.per_hour,
        per_day=meter.per_day,
    )
