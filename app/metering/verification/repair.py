"""Repairs counters, windows and roll-ups from the events, which are never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.db import extend_limits
from app.metering.verification.recount import recount
from app.metering.verification.verify import UsageDifference
from app.subscriptions import periods

COUNTED = {"counters", "unique values"}
ROLLED = {"days", "months", "values by day", "parts of days", "parts of months", "months by user", "active days"}
TOTALED = {"totals", "parts of totals", "days", "parts of days", "active days", "active counts"}
"""After a difference in these, the totals for staff are rebuilt."""

_LOCK = text("SELECT pg_advisory_xact_lock(rollup_lock_key())")
_REBUILD = text("SELECT rollup_rebuild(ARRAY[CAST(:org AS uuid)])")
_REBUILD_TOTALS = text("SELECT rollup_rebuild_totals()")
_REPAIR_WINDOWS = text("""
    UPDATE usage_windows w SET used = coalesce(f.counted, 0)
    FROM usage_window_figures(ARRAY[CAST(:org AS uuid)]) f
    WHERE (w.org_id, w.meter_id, w.span, w.starts_at) = (f.org_id, f.meter_id, f.span, f.starts_at)
      AND w.used > coalesce(f.counted, 0)
""")


def list_repairable_orgs(differences: Iterable[UsageDifference]) -> list[UUID]:
    """List the orgs with a difference that can be repaired."""
    repairable = COUNTED | ROLLED | {"windows"}
    return sorted({row.org_id for row in differences if row.org_id and row.check in repairable})


def repair_org(session: Session, org_id: UUID, differences: Iterable[UsageDifference], now: datetime) -> None:
    """Repair an org's counters, windows and roll-ups in the caller's transaction. Blocks the org's writers."""
    checks = {difference.check for difference in differences if difference.org_id == org_id}
    extend_limits(session, None, locks=timedelta(minutes=1))
    periods.lock_usage(session, org_id)
    if checks & COUNTED:
        recount(session, org_id, now)
    if "windows" in checks:
        session.execute(_REPAIR_WINDOWS, {"org": org_id})
    if checks & ROLLED:
        session.execute(_LOCK)
        session.execute(_REBUILD, {"org": org_id})


def repair_totals(session: Session) -> None:
    """Rebuild the totals for staff in the caller's transaction. Blocks no writers."""
    extend_limits(session, None, locks=timedelta(minutes=1))
    session.execute(_LOCK)
    session.execute(_REBUILD_TOTALS)
