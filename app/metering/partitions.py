"""Creates monthly partitions ahead of time, and removes old windows and refusals."""

from __future__ import annotations

from sqlalchemy import text

from app.web.database import transaction
from app.web.runtime import business_now, runtime

_PARTITIONS = text("SELECT usage_partitions(:now, :back, :ahead)")
_SWEEP = (
    text("DELETE FROM usage_windows WHERE ends_at < CAST(:now AS timestamptz) - interval '2 days' AND span <> 'day'"),
    text("DELETE FROM usage_windows WHERE ends_at < CAST(:now AS timestamptz) - CAST(:late AS interval)"),
    text("DELETE FROM refused_events WHERE at < CAST(:now AS timestamptz) - interval '30 days'"),
    text("DELETE FROM refused_quota WHERE hour < CAST(:now AS timestamptz) - interval '30 days'"),
    text("DELETE FROM refused_hours WHERE hour < CAST(:now AS timestamptz) - interval '30 days'"),
)


def ensure_partitions(back: int = 2, ahead: int = 3) -> int:
    """Create the monthly partitions from `back` months ago to `ahead` months ahead; returns how many were new."""
    with transaction() as session:
        created: int = session.execute(_PARTITIONS, {"now": business_now(), "back": back, "ahead": ahead}).scalar_one()
        return created


def remove_expired() -> None:
    """Remove windows into which no event can fall any more, and refusals older than 30 days."""
    late = runtime().settings.event_max_age
    for statement in _SWEEP:
        with transaction() as session:
            session.execute(statement, {"now": business_now(), "late": late})
