"""Reads that only the dashboard needs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

# Which first steps an organisation has completed.
_FIRST_STEPS = text("""
SELECT EXISTS (SELECT FROM accounts_api_keys WHERE org_id = :org_id AND revoked_at IS NULL) AS has_key,
       (SELECT count(*) FROM accounts_memberships WHERE org_id = :org_id) AS members,
       EXISTS (SELECT FROM subscriptions_open WHERE org_id = :org_id) AS has_plan
""")


def get_first_step_facts(session: Session, org_id: UUID) -> Row[Any]:
    """Whether the org has a key and a plan of its own, and how many members. A new org: no, 1, no."""
    return session.execute(_FIRST_STEPS, {"org_id": org_id}).one()
