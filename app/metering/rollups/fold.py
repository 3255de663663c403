"""Folds new events into the roll-ups, which sum usage by day, month and dimension up to a watermark.

The SQL function `rollup_fold` does the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.db import extend_limits

MAX_ROWS = 500_000

_FOLD = text("SELECT folded, more FROM rollup_fold(:max_rows, :now)")


@dataclass(frozen=True, slots=True)
class FoldStep:
    """The result of one step: how many events it folded, and whether another step is due at once."""

    events: int
    more: bool


def fold_rollups(session: Session, now: datetime, *, max_rows: int = MAX_ROWS) -> FoldStep:
    """Fold the next transactions, about `max_rows` events at most, in the caller's transaction.

    Serialised: a second caller waits. `more` is true if the step stopped early, never because new transactions have
    ended meanwhile. A step may instead rebuild roll-ups that a changed time zone or another database cluster has made
    stale; `events` is then 0 and `more` true.
    """
    extend_limits(session, timedelta(minutes=10), locks=timedelta(minutes=1))
    row = session.execute(_FOLD, {"max_rows": max_rows, "now": now}).one()
    return FoldStep(row.folded, row.more)
