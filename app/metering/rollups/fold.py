"""Folds new events into the roll-ups, which sum usage by day, month and dimension up to a watermark.

The SQL function `rollup_fold` does the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

MAX_ROWS = 500_000
REST = timedelta(minutes=1)
"""How long a day with unique values waits before it is recomputed; until then, pages read it from the events."""

_FOLD = text("SELECT folded, more FROM rollup_fold(:max_rows, :now, :rest)")
_TIMEOUTS = text("SELECT set_config('statement_timeout', '10min', true), set_config('lock_timeout', '1min', true)")


@dataclass(frozen=True, slots=True)
class FoldStep:
    """The result of one step: how many events it folded, and whether another step is due at once."""

    events: int
    more: bool


def fold_rollups(session: Session, now: datetime, *, max_rows: int = MAX_ROWS, rest: timedelta = REST) -> FoldStep:
    """Fold the next transactions, about `max_rows` events at most, in the caller's transaction.

    Serialised: a second caller waits. A step may instead rebuild roll-ups that a changed time zone or another database
    cluster has made stale; `events` is then 0 and `more` true.
    """
    session.execute(_TIMEOUTS)
    row = session.execute(_FOLD, {"max_rows": max_rows, "now": now, "rest": rest}).one()
    return FoldStep(row.folded, row.more)
