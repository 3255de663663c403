"""Monthly partitions made ahead of time, and the removal of windows and refusals that have passed."""

from __future__ import annotations

from sqlalchemy import text

from app.web.database import transaction
from app.web.runtime import business_now

_PARTITIONS = text("SELECT usage_partitions(:now, :back, :ahead)")
_SWEEP = (
    text("DELETE FROM usage_windows WHERE starts_at < CAST(:now AS timestamptz) - interval '3 days'"),
    text("DELETE FROM refused_events WHERE at < CAST(:now AS timestamptz) - interval '30 days'"),
    text("DELETE FROM refused_quota WHERE hour < CAST(:now AS timestamptz) - interval '30 days'"),
)


def make_partitions(back: int = 2, ahead: int = 3) -> int:
    """Make the monthly partitions from `back` months ago to `ahead` months from now; returns how many were new."""
    with transaction() as session:
        made: int = session.execute(_PARTITIONS, {"now": business_now(), "back": back, "ahead": ahead}).scalar_one()
        return made


def sweep() -> None:
    """Remove windows that have passed, and refusals older than 30 days."""
    for statement in _SWEEP:
        with transaction() as session:
            session.execute(statement, {"now": business_now()})
