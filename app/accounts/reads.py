"""Audits what is read or exported of an organisation: one entry an hour for each reader and kind of read."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.audit.queries import list_entries
from app.audit.service import write
from app.kit.actor import Actor
from app.web.database import transaction
from app.web.runtime import runtime, wall_now

VIEWED = "org.viewed"
EXPORTED_USAGE, EXPORTED_BILLING = "usage.exported", "billing_history.exported"
_EVERY = timedelta(hours=1)
_MOST = 10_000
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:read, 0))")
_Read = tuple[UUID | None, str, UUID]


class RecentReads:
    """The reads of the last hour that this process knows to be audited, so that most ask the database nothing."""

    def __init__(self) -> None:
        self.at: dict[_Read, datetime] = {}


def audit_read(actor: Actor, action: str, org_id: UUID) -> None:
    """Write an entry to the org's chain, in a transaction of its own, unless the actor has one of the last hour."""
    now, known = wall_now(), runtime().shared(RecentReads).at
    read = actor.id, action, org_id
    if now - known.get(read, now - _EVERY) < _EVERY:
        return
    with transaction(counts=False) as session:
        session.execute(_LOCK, {"read": f"audited read {actor.id} {action} {org_id}"})
        newest = list_entries(session, org_id, action=action, actor_id=actor.id, limit=1)
        last = newest[0].act.wall_at if newest else None
        if last is None or now - last >= _EVERY:
            write(session, actor, action, on=("org", org_id), org_id=org_id, now=now)
            last = now
    if len(known) >= _MOST:
        known.clear()
    known[read] = last
