"""Tells three failures of the database apart: it is away, it was busy, or its answer was lost.

"Nothing was done" is said only where that is known.
"""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from app.kit.errors import Busy, OutcomeUnknown, Unavailable

# Reported by the server, which has rolled back: serialization failure, deadlock, too many connections, no lock in time.
_REFUSED = frozenset({"40001", "40P01", "53300", "55P03"})
# A time-out: of one that commits and then waits for the disk (see usage_record), nobody knows when it struck.
_CANCELLED = frozenset({"57014", "25P03"})

AWAY = "The database is unavailable. Nothing was done; try again in a few seconds."
BUSY = "The database was too busy to do this in time. Nothing was done; try again in a few seconds."
UNKNOWN = (
    "The connection was lost before the database confirmed this. It may have been done: check before you repeat it."
)


def explain(error: Exception, *, maybe_done: bool = False) -> Unavailable:
    """The error for a failure of the database. `maybe_done`: the act may have been committed when it struck."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = (cause.sqlstate if isinstance(cause, psycopg.Error) else None) or ""
    if state in _REFUSED or (not maybe_done and (state in _CANCELLED or isinstance(cause, PoolExhausted))):
        return Busy(BUSY)
    return OutcomeUnknown(UNKNOWN) if maybe_done else Unavailable(AWAY)


def is_lost(error: DBAPIError) -> bool:
    """Whether the server's verdict is missing: it reported no error, or that it was going down."""
    state = (error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None) or ""
    return (isinstance(error.orig, psycopg.OperationalError) and state[:3] in {"", "57P"}) or state.startswith("08")
