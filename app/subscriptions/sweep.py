"""Finds orgs whose periods must be opened or rebuilt, from the rows alone; nothing is scheduled."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

# One probe of (org_id, ends_at) per org. Includes orgs without any period (just signed up).
_TO_OPEN = text("""
    SELECT o.id FROM accounts_orgs o
    LEFT JOIN LATERAL (
        SELECT p.ends_at FROM usage_periods p WHERE p.org_id = o.id ORDER BY p.ends_at DESC LIMIT 1
    ) last ON true
    WHERE o.deleted_at IS NULL AND (last.ends_at IS NULL OR last.ends_at <= :until)
    ORDER BY last.ends_at NULLS FIRST LIMIT :most
""")

# The zone has changed, or an org without a subscription has periods ahead on an older version of the default plan.
_TO_REMAKE = text("""
    SELECT DISTINCT p.org_id FROM usage_periods p
    JOIN accounts_orgs o ON o.id = p.org_id
    LEFT JOIN subscriptions_open s ON s.org_id = p.org_id
    WHERE p.ends_at > :now AND o.deleted_at IS NULL
      AND (p.time_zone <> o.time_zone OR (s.id IS NULL AND p.starts_at > :now AND p.plan_version_id <> :default))
    LIMIT :most
""")

_TO_ROLL = text("""
    SELECT id FROM subscriptions_open
    WHERE billing_ends_at <= :now AND collection <> 'stripe'
    ORDER BY billing_ends_at LIMIT :most
""")


_NEXT_BOUNDARY = text("""
    SELECT min(at) FROM (
        SELECT min(ends_at) AS at FROM usage_periods WHERE ends_at > :after AND ends_at <= :until
        UNION ALL SELECT min(billing_ends_at) FROM subscriptions_open
        WHERE collection <> 'stripe' AND billing_ends_at > :after AND billing_ends_at <= :until
    ) known
""")


def list_orgs_to_open(session: Session, until: datetime, limit: int) -> list[UUID]:
    """List orgs whose last period ends by `until`, most urgent first."""
    return list(session.scalars(_TO_OPEN, {"until": until, "most": limit}))


def list_orgs_to_rebuild(session: Session, default_version: UUID, now: datetime, limit: int) -> list[UUID]:
    """List orgs whose future periods no longer match their time zone or plan."""
    return list(session.scalars(_TO_REMAKE, {"default": default_version, "now": now, "most": limit}))


def list_subscriptions_to_roll(session: Session, now: datetime, limit: int) -> list[UUID]:
    """List subscriptions not billed by Stripe whose billing period is over."""
    return list(session.scalars(_TO_ROLL, {"now": now, "most": limit}))


def find_next_boundary(session: Session, after: datetime, until: datetime) -> datetime | None:
    """When the next usage period or billing period ends, if that is after `after` and by `until`."""
    found: datetime | None = session.scalar(_NEXT_BOUNDARY, {"after": after, "until": until})
    return found
