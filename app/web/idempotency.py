"""`Idempotency-Key`: the same key and body replays the first answer for 24 h; another body is a conflict.

The key, the work and the answer commit together, so a crash between them leaves nothing behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from flask import Response, g, request
from sqlalchemy import Index, LargeBinary, PrimaryKeyConstraint, delete, select, update
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
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return work()
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise InvalidRequest(
            "The Idempotency-Key is not valid.", [FieldError("Idempotency-Key", "1 to 255 characters")]
        )
    org_id: UUID = g.idempotency_owner
    digest = hashlib.sha256(request.full_path.encode() + b"\n" + body).digest()  # the ids in the address count too
    with transaction() as session:
        row = {"org_id": org_id, "key": key, "request_hash": digest, "created_at": wall_now()}
        session.execute(
            delete(IdempotencyKey).where(
                IdempotencyKey.org_id == org_id,
                IdempotencyKey.key == key,
                IdempotencyKey.created_at < wall_now() - KEPT,
            )
        )
        claimed = session.execute(
            upsert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
        ).first()
        mine = (IdempotencyKey.org_id == org_id) & (IdempotencyKey.key == key)
        if claimed is None:
            return _replay(session.execute(select(IdempotencyKey).where(mine)).scalar_one(), digest)
        response = work()
        session.execute(
            update(IdempotencyKey)
            .where(mine)
            .values(status=response.status_code, content_type=response.content_type, body=response.get_data())
        )
        return response


def purge(session: Session, now: datetime) -> None:
    """Forget the answers that are no longer replayed."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT))


def _replay(kept: IdempotencyKey, digest: bytes) -> Response:
    if kept.request_hash != digest:
        raise Conflict("This Idempotency-Key was used for another request.", code="idempotency_conflict")
    response = Response(kept.body or b"", kept.status or 200, content_type=kept.content_type)
    response.headers["Idempotent-Replayed"] = "true"
    return response
