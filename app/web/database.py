"""The request's database session, and the transaction that entry points open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from app.kit import db as kit_db
from app.kit.errors import DomainError
from app.web.runtime import runtime

db = SQLAlchemy(model_class=kit_db.Base)
# In the request's environ: `g` belongs to the application context, which may outlive a request.
_GUARD, _SENT, _DONE = "tollkeeper.transaction_guard", "tollkeeper.sent", "tollkeeper.maybe_done"
_READ_ONLY = "tollkeeper.read_only"


def session() -> Session:
    """The session of this request or task, for reads."""
    return db.session()


def end_read_transaction() -> None:
    """End this session's read transaction before a remote call, which must not hold one open.

    Loaded objects are reloaded on next access. Raises `RuntimeError` inside `transaction()` or with unsaved changes,
    which would be lost.
    """
    current = db.session()
    if current.info.get("in_transaction") or current.new or current.dirty or current.deleted:
        raise RuntimeError("A remote call must not be made inside a transaction")
    if current.in_transaction():
        current.rollback()


def discard_failed_transaction() -> None:
    """Make the session usable again after a statement failed and the error was handled."""
    db.session().rollback()


@contextmanager
def transaction(*, counts: bool = True) -> Iterator[Session]:
    """The transaction of an entry point: `with transaction() as session: verb(session, ...)`.

    A nested call joins the outer one, so that a wrapper (an idempotency key, say) commits together with the work.
    `counts` False is for records of the request itself: they do not make "nothing was done" untrue.
    """
    current = db.session()
    if current.info.get("in_transaction"):
        yield current
        return
    if counts:
        _check_read_only()
    current.info["in_transaction"] = True
    kit_db.bind_clocks(current, runtime().clocks)
    try:
        with kit_db.transaction(current) as open_session:
            _check_guard(open_session)
            for check in current.info.get("fences", ()):
                check(open_session)
            yield open_session
    finally:
        current.info.pop("in_transaction", None)
    if counts:
        note_done()


def note_done() -> None:
    """Note that something of this request is done, so that no later failure of it says that nothing was."""
    if has_request_context():
        request.environ[_DONE] = True


def is_maybe_done() -> bool:
    """Whether something of this request is committed or was sent to Stripe."""
    return has_request_context() and request.environ.get(_DONE, False)


@contextmanager
def fence_transactions(check: Callable[[Session], None]) -> Iterator[None]:
    """Begin each transaction of this session in the block with `check`, which raises if it may not write any more."""
    fences: list[Callable[[Session], None]] = db.session().info.setdefault("fences", [])
    fences.append(check)
    try:
        yield
    finally:
        fences.remove(check)


def guard_transactions(check: Callable[[Session], None]) -> None:
    """Begin each transaction of this request with `check`, which raises if the caller may no longer act.

    Not after a remote call: what was sent stands and has to be recorded, whoever has lost which right meanwhile.
    """
    request.environ[_GUARD] = check


def make_read_only(refusal: DomainError) -> None:
    """Refuse every transaction of this request with this error, but records of the request itself (`counts`)."""
    request.environ[_READ_ONLY] = refusal


def _check_read_only() -> None:
    refusal: DomainError | None = request.environ.get(_READ_ONLY) if has_request_context() else None
    if refusal is not None:
        raise refusal


def mark_sent(*, sent: bool = True) -> None:
    """Note that a remote call is about to be made, or with False that the next one belongs to another act."""
    if has_request_context():
        request.environ[_SENT] = sent
        if sent:
            note_done()


def _check_guard(open_session: Session) -> None:
    if has_request_context() and not request.environ.get(_SENT):
        check: Callable[[Session], None] | None = request.environ.get(_GUARD)
        if check is not None:
            check(open_session)
