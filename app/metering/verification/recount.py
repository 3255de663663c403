"""Recounts all counters of an org from its events, to repair differences."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_RECOUNT = text("SELECT usage_recount(org => :org, at => :now)")


def recount(session: Session, org_id: UUID, now: datetime) -> None:
    """Recount every usage period in the caller's transaction, however long it takes. Keeps reservations.

    The caller must hold the org's usage lock exclusively, so that no event in flight is missed.
    """
    session.flush()
    session.execute(_RECOUNT, {"org": org_id, "now": now})
