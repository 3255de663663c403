"""Counters written anew from the events: when a period's boundary has moved, and to mend what verify has found."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_RECOUNT = text("SELECT usage_recount(:org, :since, :now)")


def recount(session: Session, org_id: UUID, since: datetime, now: datetime) -> None:
    """Recount the usage periods that end after `since`, and one cut off there, in the caller's transaction.

    The caller holds the org's usage lock whole, so that no event in flight is missed. What is reserved stays.
    """
    session.flush()
    session.execute(_RECOUNT, {"org": org_id, "since": since, "now": now})
