"""`Idempotency-Key`: the same key and body replays the first answer for 24 h; another body is a conflict.

The key, the work and the answer commit together, so a crash between them leaves nothing behind. Work that asks others
(Stripe) may hold no transaction meanwhile, and answers with addresses that are credentials: there the key alone is
kept, and a repeat does the work again, which finds what was done.
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

KEPT = timedelta(hours=24)


class IdempotencyKey(Base):
    """One key of one org with the answer given."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "key"),
        Index(None, "created_at"),  # the hourly purge
    )

    org_id: Mapped[UUID]
    key: Mapped[str]
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    content_type: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


def once(body: bytes, work: Callable[[], Response]) -> Response:
    """Do the work, or replay what the same key answered before; without the header, just do it."""
    key = _key()
    if key is None:
        return work()
    digest = _digest(body)
    with transaction() as session:
        kept = _claim(session, key, digest)
        if kept is not None:
            return _replay(kept)
        response = work()
        _keep(session, key, response)
        return response


def once_outside(body: bytes, work: Callable[[], Response]) -> Response:
    """The same for work that opens its own transactions, is safe to repeat, and whose answer nobody may keep.

    Only the key and what it was used for are kept; a repeat does the work again, which finds what was done.
    """
    key = _key()
    if key is None:
        return work()
    digest = _digest(body)
    with transaction() as session:
        kept = _claim(session, key, digest)
    try:
        response = work()
    except BaseException:
        if kept is None:  # what an earlier request was answered still stands
            with transaction() as session:
                session.execute(delete(IdempotencyKey).where(_mine(key), IdempotencyKey.request_hash == digest))
        raise
    if kept is not None:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def purge(session: Session, now: datetime) -> None:
    """Forget the answers that are no longer replayed."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT))


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= 255 and key.isprintable()):
        raise InvalidRequest(
            "The Idempotency-Key is not valid.", [FieldError("Idempotency-Key", "1 to 255 characters")]
        )
    return key


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(request.full_path.encode() + b"\n" + body).digest()  # the ids in the address count too


def _claim(session: Session, key: str, digest: bytes) -> IdempotencyKey | None:
    """Keep the key for this request; what it was kept for before, if it was. `Conflict` if for another request."""
    now = wall_now()
    session.execute(delete(IdempotencyKey).where(_mine(key), IdempotencyKey.created_at < now - KEPT))
    row = {"org_id": g.idempotency_owner, "key": key, "request_hash": digest, "created_at": now}
    claimed = session.execute(
        upsert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    ).first()
    if claimed:
        return None
    kept = session.execute(select(IdempotencyKey).where(_mine(key))).scalar_one()
    if kept.request_hash != digest:
        raise Conflict("This Idempotency-Key was used for another request.", code="idempotency_conflict")
    return kept


def _keep(session: Session, key: str, response: Response) -> None:
    session.execute(
        update(IdempotencyKey)
        .where(_mine(key))
        .values(status=response.status_code, content_type=response.content_type, body=response.get_data())
    )


def _mine(key: str) -> ColumnElement[bool]:
    owner: UUID = g.idempotency_owner
    return (IdempotencyKey.org_id == owner) & (IdempotencyKey.key == key)


def _replay(kept: IdempotencyKey) -> Response:
    response = Response(kept.body or b"", kept.status or 200, content_type=kept.content_type)
    response.headers["Idempotent-Replayed"] = "true"
    return response
