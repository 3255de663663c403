"""One at a time for an org: whoever asks Stripe about it and writes down the answer holds the org's lock.

Were two to ask and then write, the older answer could land on the newer one. The lock is PostgreSQL's, on a
connection of its own, so that no transaction is open while Stripe is asked; it ends with that connection, also when
this process is killed.
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
from app.web.database import db, end_read_transaction
from app.web.runtime import runtime

_SEED = 20261121  # the usage lock has another: the two never stand in each other's way
_TAKE = "SELECT pg_advisory_lock(hashtextextended(%s, %s))"
# A machine that vanishes lets go within a minute; no other time-out of the role may end a lock that is held.
_OPTIONS = (
    "-c statement_timeout=0 -c idle_session_timeout=0 -c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10"
    " -c tcp_keepalives_count=3"
)
_mine = threading.local()


@contextmanager
def org_lock(org_id: UUID) -> Iterator[None]:
    """Hold the org's payments lock; taken again inside itself (by the same thread) it just goes on.

    The session's reads end here: what was loaded is read anew when next touched. Raises `RuntimeError` inside a
    door's transaction or with unsaved rows, `Busy` when another holds the lock for longer than a page (3 s) or a
    task (60 s) waits.
    """
    held: set[UUID] = _mine.__dict__.setdefault("orgs", set())
    if org_id in held:
        yield
        return
    end_read_transaction()
    settings = runtime().settings
    wait = settings.payments_task_wait if settings.patient else settings.payments_page_wait
    connection = _connect(settings.database_url, wait)
    try:
        _take(connection, org_id)
        held.add(org_id)
        yield
    finally:
        held.discard(org_id)
        connection.close()


def ensure_no_transaction() -> None:
    """Raise `RuntimeError` when a transaction is open: a call to Stripe comes next."""
    if db.session().in_transaction():
        raise RuntimeError("Stripe is never asked while a transaction is open")


def _connect(url: str, wait: timedelta) -> psycopg.Connection:
    options = f"{_OPTIONS} -c lock_timeout={wait // timedelta(milliseconds=1)}ms"
    return psycopg.connect(url, autocommit=True, connect_timeout=2, options=options)


def _take(connection: psycopg.Connection, org_id: UUID) -> None:
    try:
        connection.execute(_TAKE, (str(org_id), _SEED))
    except psycopg.errors.LockNotAvailable:
        raise Busy("A payment of your organisation is being looked at right now. Try again in a few seconds.") from None
