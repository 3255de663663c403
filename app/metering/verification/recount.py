"""Recounts counters from the events, after a period boundary has moved or to repair differences."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_RECOUNT = text("SELECT usage_recount(:org, :since, :now)")


def recount(session: Session, org_id: UUID, since: datetime, now: datetime) -> None:
    """Recount the usage periods that end after `since`, and one cut short there, in the caller's transaction.

    The caller must hold the org's usage lock exclusively, so that no event in flight is missed. Keeps reservations.
    """
    session.flush()
    session.execute(_RECOUNT, {"org": org_id, "since": since, "now": now})
