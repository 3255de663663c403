"""Suspends and resumes an org, for staff. While it is suspended its pages stay open, but its keys are rejected."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.membership_lock import lock_membership
from app.audit.service import write
from app.kit.actor import Actor


def suspend(session: Session, org_id: UUID, reason: str, *, actor: Actor, now: datetime) -> bool:
    """Suspend an org; within a second every process rejects its keys. False if it was already suspended."""
    lock_membership(session, org_id)
    org = queries.get_org(session, org_id)
    if org.suspended_at is not None:
        return False
    org.suspended_at = now
    session.flush()
    write(session, actor, "org.suspended", on=("org", org_id), org_id=org_id, after={"reason": reason}, now=now)
    return True


def resume(session: Session, org_id: UUID, reason: str, *, actor: Actor, now: datetime) -> bool:
    """Resume a suspended org. False if it was not suspended."""
    org = queries.get_org(session, org_id)
    if org.suspended_at is None:
        return False
    org.suspended_at = None
    session.flush()
    write(session, actor, "org.resumed", on=("org", org_id), org_id=org_id, after={"reason": reason}, now=now)
    return True
