"""Limits in force: a plan version's allowances, copied into a usage period, where metering reads them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from app.catalog.models import PlanMeter, PlanVersion
from app.subscriptions.models import LimitInForce

# Where nobody collects the money, nothing can be owed: `charge` holds as `block` at the allowance (rule 2.7). An org
# held to another version (the Free plan's, until it pays) has that one's limits; a meter that version does not speak of
# keeps its own, since a meter without a row would be unlimited.
_COPY = text("""
    INSERT INTO limits_in_force
        (org_id, meter_id, period_start, allowance, policy, hard_limit, per_minute, per_hour, per_day)
    SELECT p.org_id, m.meter_id, p.starts_at, m.allowance,
           CASE WHEN m.policy = 'charge' AND NOT :owes THEN 'block' ELSE m.policy END,
           CASE WHEN m.policy = 'charge' AND NOT :owes THEN NULL ELSE m.hard_limit END,
           m.per_minute, m.per_hour, m.per_day
    FROM usage_periods p JOIN plan_meters m ON m.plan_version_id = CAST(:held_to AS uuid)
        OR (m.plan_version_id = p.plan_version_id AND NOT EXISTS (
            SELECT FROM plan_meters h WHERE h.plan_version_id = CAST(:held_to AS uuid) AND h.meter_id = m.meter_id))
    WHERE p.org_id = :org AND p.starts_at = ANY (:starts)
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class LimitBasis:
    """How a plan's limits hold for an org: whether it can owe money, and which version's hold instead until it pays."""

    owes: bool
    held_to: UUID | None = None


def copy_limits(session: Session, org_id: UUID, starts: Collection[datetime], basis: LimitBasis) -> None:
    """Copy the limits of each period's plan version into the periods that start then. Repeating it changes nothing."""
    owes = basis.owes and basis.held_to is None
    session.execute(_COPY, {"org": org_id, "starts": list(starts), "owes": owes, "held_to": basis.held_to})


def replace_limits(session: Session, org_id: UUID, starts: Collection[datetime], basis: LimitBasis) -> None:
    """The same where limits are in force already; the caller holds the org's usage lock."""
    held = delete(LimitInForce).where(LimitInForce.org_id == org_id, LimitInForce.period_start.in_(starts))
    session.execute(held)
    copy_limits(session, org_id, starts, basis)


def build_limits(version: PlanVersion, org_id: UUID, start: datetime, *, owes: bool) -> list[LimitInForce]:
    """The rows that a period from `start` would have; not stored. `version` is loaded with its parts."""
    return [_granted(each, org_id, start, owes=owes) for each in version.meters]


def _granted(each: PlanMeter, org_id: UUID, start: datetime, *, owes: bool) -> LimitInForce:
    blocked = each.policy == "charge" and not owes
    return LimitInForce(
        org_id=org_id,
        meter_id=each.meter_id,
        period_start=start,
        allowance=each.allowance,
        policy="block" if blocked else each.policy,
        hard_limit=None if blocked else each.hard_limit,
        per_minute=each.per_minute,
        per_hour=each.per_hour,
        per_day=each.per_day,
    )
