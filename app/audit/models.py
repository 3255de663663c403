"""Audit tables: immutable entries, one head per chain, and the personal parts, which can be erased."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base

INSTALLATION = "installation"


class AuditEntry(Base):
    """One action; `seq` is its place in the chain, `at` business time and `wall_at` wall time.

    A trigger rejects update, delete and truncate; `hash` covers `prev_hash` and all columns but `id`.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        UniqueConstraint("chain", "seq"),  # also serves a page of one chain, newest first, and its verification
        Index(None, "org_id", "at", postgresql_where="org_id IS NOT NULL"),  # an org's timeline, newest first
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("chain = coalesce(org_id::text, 'installation')", name="chain"),
        CheckConstraint("length(hash) = 32 AND length(prev_hash) = 32", name="hash"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    chain: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    org_id: Mapped[UUID | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    acting_for: Mapped[UUID | None]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    at: Mapped[datetime]
    wall_at: Mapped[datetime]
    request_id: Mapped[str | None]
    personal_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    prev_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditHead(Base):
    """The newest entry of a chain. Every writer locks this row until commit, which keeps `seq` free of gaps."""

    __tablename__ = "audit_heads"

    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditPerson(Base):
    """The personal part of an entry: address, names, email addresses. Erasure deletes the row and its salt."""

    __tablename__ = "audit_persons"

    entry_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("audit_entries.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
