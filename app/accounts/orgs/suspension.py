"""Verbs of staff on an org: suspend it, and let it go on. Its pages stay open; its keys are not served meanwhile."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries
from app.audit.service import write
from app.kit.actor import Actor


def suspend(session: Session, org_id: UUID, reason: str, *, actor: Actor, now: datetime) -> bool:
    """Suspend an org; within a second no process serves its keys. False when it was suspended already."""
    org = queries.org(session, org_id)
    if org.suspended_at is not None:
        return False
    org.suspended_at = now
    session.flush()
    write(session, actor, "org.suspended", on=("org", org_id), org_id=org_id, after={"reason": reason}, now=now)
    return True


def resume(session: Session, org_id: UUID, reason: str, *, actor: Actor, now: datetime) -> bool:
    """Let a suspended org go on. False when it was not suspended."""
    org = queries.org(session, org_id)
    if org.suspended_at is None:
        return False
    org.suspended_at = None
    session.flush()
    write(session, actor, "org.resumed", on=("org", org_id), org_id=org_id, after={"reason": reason}, now=now)
    return True
