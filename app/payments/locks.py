"""Serialises payments work per organisation: code that reads from Stripe and stores the result holds the org's lock.

Without it, two readers could store an older response over a newer one. It is a PostgreSQL advisory lock on its own
connection, so no transaction is open during calls to Stripe, and it is released when the connection or process dies.
So each transaction of the holder begins by checking that the lock is still held.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from uuid import UUID

import psycopg.errors
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.kit.errors import Busy, OutcomeUnknown
from app.kit.postgres.connections import LimitedConnection, connect
from app.payments.errors import LockLost
from app.stripe_gateway import Gateway
from app.web.database import db, end_read_transaction, fence_transactions, is_maybe_done, mark_sent
from app.web.runtime import runtime

_TRY = "SELECT pg_try_advisory_lock(payments_lock_key(%s))"
_ACQUIRE = "SELECT pg_advisory_lock(payments_lock_key(%s))"
# The server's keepalives release the lock of a vanished machine within a minute; the role's other time-outs must not.
_OPTIONS = (
    "-c statement_timeout=0 -c idle_session_timeout=0 -c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10"
    " -c tcp_keepalives_count=3"
)
_thread = threading.local()


@contextmanager
def org_turn(gw: Gateway, org_id: UUID) -> Iterator[None]:
    """Hold the org's payments lock and, once it is held, one of the process's turns at Stripe.

    In this order: whoever waits for an org's lock must not keep a turn from the other orgs. All of it shares one page's
    budget. Raises as `org_lock` does, and `StripeAway` if no turn is free.
    """
    with gw.deadline(), org_lock(org_id, gw.waiting()), gw.budget():
        yield


@contextmanager
def org_lock(org_id: UUID, waiting: AbstractContextManager[bool] | None = None) -> Iterator[None]:
    """Hold the org's payments lock; re-entrant within a thread.

    Ends the session's read transaction, so loaded rows are refreshed on next access. `waiting` says whether to wait at
    all. Raises `RuntimeError` inside an open write transaction or with unsaved rows, `Busy` if the lock is not free in
    time (3 s for a page, 60 s for a task), and from each transaction in the block `LockLost` if it is held no more.
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
        _acquire(connection, org_id, waiting or nullcontext(True))
        locked_orgs.add(org_id)
        mark_sent(sent=False)  # roles and states are read again, right before the call
        holder = connection.info.backend_pid
        with fence_transactions(lambda session: _ensure_held(session, org_id, holder)):
            yield
    finally:
        locked_orgs.discard(org_id)
        connection.close()


def ensure_no_transaction() -> None:
    """Raise `RuntimeError` if a transaction is open. Call it before every call to Stripe."""
    if db.session().in_transaction():
        raise RuntimeError("Stripe must not be called while a transaction is open")


def _connect(url: str, wait: timedelta) -> LimitedConnection:
    options = f"{_OPTIONS} -c lock_timeout={wait // timedelta(milliseconds=1)}ms"
    return connect(url, wait, autocommit=True, options=options)


def _acquire(connection: LimitedConnection, org_id: UUID, waiting: AbstractContextManager[bool]) -> None:
    if _is_acquired(connection, org_id):
        return
    with waiting as may_wait:
        try:
            if may_wait:
                connection.execute(_ACQUIRE, (org_id,))
                return
        except psycopg.errors.LockNotAvailable:
            pass
    raise Busy("We are processing another payment for your organisation. Try again in a few seconds.")


def _is_acquired(connection: LimitedConnection, org_id: UUID) -> bool:
    row = connection.execute(_TRY, (org_id,)).fetchone()
    return row is not None and bool(row[0])


def _ensure_held(session: Session, org_id: UUID, holder: int) -> None:
    if not session.scalar(select(func.payments_lock_is_held(org_id, holder))):
        code = OutcomeUnknown.code if is_maybe_done() else None
        raise LockLost("We lost track of this payment for a moment. Check your billing page in a minute.", code=code)
