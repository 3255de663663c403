"""Serialises payments work per organisation: code that reads from Stripe and stores the result holds the org's lock.

Without it, two readers could store an older response over a newer one. It is a PostgreSQL advisory lock on its own
connection, so no transaction is open during calls to Stripe, and it is released when the connection or process dies.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import psycopg
import psycopg.errors

from app.payments.errors import Busy
from app.web.database import db, end_read_transaction, mark_sent
from app.web.runtime import runtime

_SEED = 20261121  # differs from the usage lock's, so the two never conflict
_ACQUIRE = "SELECT pg_advisory_lock(hashtextextended(%s, %s))"
# Keepalives release the lock of a vanished machine within a minute; the role's other time-outs must not release it.
_OPTIONS = (
    "-c statement_timeout=0 -c idle_session_timeout=0 -c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10"
    " -c tcp_keepalives_count=3"
)
_thread = threading.local()


@contextmanager
def org_lock(org_id: UUID) -> Iterator[None]:
    """Hold the org's payments lock; re-entrant within a thread.

    Ends the session's read transaction, so loaded rows are refreshed on next access. Raises `RuntimeError` inside an
    open write transaction or with unsaved rows, and `Busy` if the lock is not free in time (3 s for a page, 60 s for
    a task).
    """
    locked_orgs: set[UUID] = _thread.__dict__.setdefault("orgs", set())
    if org_id in locked_orgs:
        yield
        return
    end_read_transaction()
    settings = runtime().settings
    wait = settings.payments_task_wait if settings.is_background else settings.payments_page_wait
    connection = _connect(settings.database_url, wait)
    try:
        _acquire(connection, org_id)
        locked_orgs.add(org_id)
        mark_sent(sent=False)  # roles and states are read again, right before the call
        yield
    finally:
        locked_orgs.discard(org_id)
        connection.close()


def ensure_no_transaction() -> None:
    """Raise `RuntimeError` if a transaction is open. Call it before every call to Stripe."""
    if db.session().in_transaction():
        raise RuntimeError("Stripe must not be called while a transaction is open")


def _connect(url: str, wait: timedelta) -> psycopg.Connection:
    options = f"{_OPTIONS} -c lock_timeout={wait // timedelta(milliseconds=1)}ms"
    return psycopg.connect(url, autocommit=True, connect_timeout=2, options=options)


def _acquire(connection: psycopg.Connection, org_id: UUID) -> None:
    try:
        connection.execute(_ACQUIRE, (str(org_id), _SEED))
    except psycopg.errors.LockNotAvailable:
        raise Busy("We are processing another payment for your organisation. Try again in a few seconds.") from None
