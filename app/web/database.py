"""The request's database session, and the transaction that a door opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from app.kit import db as kit_db

db = SQLAlchemy(model_class=kit_db.Base)


def session() -> Session:
    """The session of this request or task, for reads."""
    return db.session()


def end_read_transaction() -> None:
    """End this session's reads before a remote call, which must not hold a transaction open.

    What was loaded is read anew when next touched. Raises `RuntimeError` inside a door's transaction or with unsaved
    rows, which would be lost.
    """
    current = db.session()
    if current.info.get("in_transaction") or current.new or current.dirty or current.deleted:
        raise RuntimeError("A remote call may not wait inside a transaction")
    if current.in_transaction():
        current.rollback()


def discard_failed_transaction() -> None:
    """Make the session usable again after a statement failed and the failure was dealt with."""
    db.session().rollback()


@contextmanager
def transaction() -> Iterator[Session]:
    """A door's transaction: `with transaction() as session: verb(session, ...)`.

    Inside another one it joins it, so that what wraps a door (an idempotency key, say) commits with its work.
    """
    current = db.session()
    if current.info.get("in_transaction"):
        yield current
        return
    current.info["in_transaction"] = True
    try:
        with kit_db.transaction(current) as open_session:
            yield open_session
    finally:
        current.info.pop("in_transaction", None)
