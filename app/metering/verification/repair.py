"""Mends counters, windows and roll-ups from the events, which are never touched."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.metering.verification.recount import recount
from app.metering.verification.verify import UsageDifference
from app.subscriptions import periods

EVER = datetime(1, 1, 2, tzinfo=UTC)
COUNTED = {"counters", "unique values"}
ROLLED = {"days", "months"}

_TIMEOUTS = text("SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '1min', true)")
_ALONE = text("SELECT pg_advisory_xact_lock(usage_fold_lock())")
_REBUILD = text("SELECT usage_rebuild(ARRAY[CAST(:org AS uuid)])")
_REBUILD_TOTALS = text("SELECT usage_rebuild_totals()")
_MEND_WINDOWS = text("""
    UPDATE usage_windows w SET used = coalesce(f.counted, 0)
    FROM usage_window_figures(ARRAY[CAST(:org AS uuid)]) f
    WHERE (w.org_id, w.meter_id, w.span, w.starts_at) = (f.org_id, f.meter_id, f.span, f.starts_at)
      AND w.used > coalesce(f.counted, 0)
""")


def orgs_to_mend(differences: Iterable[UsageDifference]) -> list[UUID]:
    """The orgs with a difference that can be mended."""
    mendable = COUNTED | ROLLED | {"windows"}
    return sorted({each.org_id for each in differences if each.org_id and each.check in mendable})


def mend_org(session: Session, org_id: UUID, differences: Iterable[UsageDifference], now: datetime) -> None:
    """Write an org's counters, windows and roll-ups anew in the caller's transaction; its writers wait meanwhile."""
    checks = {each.check for each in differences if each.org_id == org_id}
    session.execute(_TIMEOUTS)
    periods.lock_usage(session, org_id)
    if checks & COUNTED:
        recount(session, org_id, EVER, now)
    if "windows" in checks:
        session.execute(_MEND_WINDOWS, {"org": org_id})
    if checks & ROLLED:
        session.execute(_ALONE)
        session.execute(_REBUILD, {"org": org_id})


def mend_totals(session: Session) -> None:
    """Build staff's totals anew, in the caller's transaction; no writer waits."""
    session.execute(_TIMEOUTS)
    session.execute(_ALONE)
    session.execute(_REBUILD_TOTALS)
