"""Roll-ups: usage summed by day and month and by dimension, folded forward from the events by a watermark.

The work is done by the SQL function `usage_fold`; here stands the verb that calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

MAX_ROWS = 500_000
REST = timedelta(minutes=1)
"""How long a day of unique values waits before it is counted anew; pages read it from events meanwhile."""

_FOLD = text("SELECT folded, more FROM usage_fold(:max_rows, :now, :rest)")
_TIMEOUTS = text("SELECT set_config('statement_timeout', '10min', true), set_config('lock_timeout', '1min', true)")


@dataclass(frozen=True, slots=True)
class Folded:
    """What one step did: how many events it added, and whether another is due at once."""

    events: int
    more: bool


def fold(session: Session, now: datetime, *, max_rows: int = MAX_ROWS, rest: timedelta = REST) -> Folded:
    """Fold the next transactions, at most about `max_rows` events, in the caller's transaction.

    One at a time: a second caller waits. A step may instead build again what another zone or another database
    cluster made stale; then `events` is 0 and `more` is true.
    """
    session.execute(_TIMEOUTS)
    done = session.execute(_FOLD, {"max_rows": max_rows, "now": now, "rest": rest}).one()
    return Folded(done.folded, done.more)
