"""`Idempotency-Key`: a repeat with the same body replays the first answer for 24 h; another body is a conflict.

The key, the work and the answer commit together, so a crash leaves nothing half done. Work that calls Stripe must not
hold a transaction open, and its answers contain URLs that are credentials: for it only the key is stored, and a repeat
does the work again, which finds what was already done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from flask import Response, g, request
from sqlalchemy import ColumnElement, Index, LargeBinary, PrimaryKeyConstraint, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.kit.db import Base
from app.kit.errors import Conflict, FieldError, InvalidRequest
from app.web.database import transaction
from app.web.runtime import wall_now

RETENTION = timedelta(hours=24)


class IdempotencyKey(Base):
    """A key of its owner, with the response: an org, or the staff key of a call for no org."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        PrimaryKeyConstraint("owner_id", "key"),
        Index(None, "created_at"),  # the hourly purge
    )

    owner_id: Mapped[UUID]
    key: Mapped[str]
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    content_type: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


def once(body: bytes, work: Callable[[], Response]) -> Response:
    """Do the work, or replay the answer for the same key; without the header, just do the work."""
    key = _read_key()
    if key is None:
        return work()
    digest = _digest(body)
    with transaction() as session:
        previous = _claim(session, key, digest)
        if previous is not None:
            return _replay(previous)
        response = work()
        _store(session, key, response)
        return response


def once_without_transaction(body: bytes, work: Callable[[], Response]) -> Response:
    """Like `once`, for repeatable work that opens its own transactions and whose answer must not be stored.

    Only the key and the digest of its request are stored; a repeat does the work again, which finds what was done.
    """
    key = _read_key()
    if key is None:
        return work()
    digest = _digest(body)
    with transaction() as session:
        previous = _claim(session, key, digest)
    try:
        response = work()
    except BaseException:
        if previous is None:  # an earlier answer to this key still counts
            with transaction() as session:
                session.execute(delete(IdempotencyKey).where(_matches(key), IdempotencyKey.request_hash == digest))
        raise
    if previous is not None:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def purge(session: Session, now: datetime) -> None:
    """Delete the answers that are past replaying."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - RETENTION))


def _read_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= 255 and key.isprintable()):
        raise InvalidRequest(
            "The Idempotency-Key is not valid.", [FieldError("Idempotency-Key", "1 to 255 characters")]
        )
    return key


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(request.full_path.encode() + b"\n" + body).digest()  # includes the ids in the path


def _claim(session: Session, key: str, digest: bytes) -> IdempotencyKey | None:
    """Claim the key; return its previous use, if any. `Conflict` if it was used for another request."""
    now = wall_now()
    session.execute(delete(IdempotencyKey).where(_matches(key), IdempotencyKey.created_at < now - RETENTION))
    row = {"owner_id": g.idempotency_owner, "key": key, "request_hash": digest, "created_at": now}
    claimed = session.execute(
        upsert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    ).first()
    if claimed:
        return None
    previous = session.execute(select(IdempotencyKey).where(_matches(key))).scalar_one()
    if previous.request_hash != digest:
        raise Conflict("This Idempotency-Key was used for another request.", code="idempotency_conflict")
    return previous


def _store(session: Session, key: str, response: Response) -> None:
    session.execute(
        update(IdempotencyKey)
        .where(_matches(key))
        .values(status=response.status_code, content_type=response.content_type, body=response.get_data())
    )


def _matches(key: str) -> ColumnElement[bool]:
    owner: UUID = g.idempotency_owner
    return (IdempotencyKey.owner_id == owner) & (IdempotencyKey.key == key)


def _replay(previous: IdempotencyKey) -> Response:
    response = Response(previous.body or b"", previous.status or 200, content_type=previous.content_type)
    response.headers["Idempotent-Replayed"] = "true"
    return response
