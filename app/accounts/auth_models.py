"""Tables that authenticate callers: sessions, emailed tokens, API keys, attempts, and the sign-in log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base


class DeviceSession(Base):
    """A device on which a user is signed in. The cookie holds the token; only its SHA-256 is stored."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index(None, "user_id"),  # a user's devices, and signing them out
        Index(None, "expires_at"),  # deleting expired sessions
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey("orgs.id"))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    address: Mapped[str | None]
    agent: Mapped[str | None]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    authenticated_at: Mapped[datetime]


class OrgView(Base):
    """One of the staff looks at an org's own pages in a session, read-only, until `ends_at` at the latest.

    The session may be gone before: no foreign key, so that the row stays. `closed_at` is when the end was noted;
    `left_at` when a request learned of it, and from when on the session is its user's own again.
    """

    __tablename__ = "org_views"
    __table_args__ = (
        CheckConstraint("ends_at > opened_at", name="length"),
        CheckConstraint("left_at IS NULL OR closed_at IS NOT NULL", name="left_at"),
        # one view a session that it has not left; serves every request of a session, and the sweep
        Index("uq_org_views_open", "session_id", unique=True, postgresql_where="left_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    opened_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]


class EmailToken(Base):
    """A single-use secret sent by email to verify an address, reset a password or change an address."""

    __tablename__ = "email_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('verify', 'reset', 'change')", name="purpose"),
        CheckConstraint("email = lower(email)", name="email"),
        Index(None, "user_id", "purpose"),  # revoking a user's other tokens for a purpose
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[str]
    email: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Attempt(Base):
    """How many attempts were made in a window that ends at `ends_at`."""

    __tablename__ = "attempts"
    __table_args__ = (
        CheckConstraint("count >= 0", name="count"),
        Index(None, "ends_at"),  # deleting windows that have ended
    )

    bucket: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime]


class SignInEntry(Base):
    """One sign-in or refusal; immutable. Personal data is in `SignInDetails`, under a salted hash."""

    __tablename__ = "sign_in_log"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('signed_in', 'signed_out', 'wrong_password', 'unknown_user', 'disabled', 'throttled',"
            " 'reset_asked', 'reset_done', 'sign_up', 'sign_up_known', 'reauthenticated', 'reauthentication_failed')",
            name="outcome",
        ),
        Index(None, "user_id", "at"),  # the sign-ins of a user, newest first
        Index(None, "at"),  # the entries of a day, to seal them
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    outcome: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    session_id: Mapped[UUID | None]
    request_id: Mapped[str | None]
    details_hash: Mapped[bytes]


class SignInDetails(Base):
    """The erasable part of a sign-in entry: address, browser, and the email address as typed if no user has it."""

    __tablename__ = "sign_in_details"

    id: Mapped[int] = mapped_column(BigInteger, ForeignKey("sign_in_log.id"), primary_key=True, autoincrement=False)
    salt: Mapped[bytes]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ApiKey(Base):
    """A program's credential, of an org, or of staff if `org_id` is null. Only its HMAC is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ CASE WHEN org_id IS NULL"
            " THEN ARRAY['admin:read', 'admin:write', 'usage:correct']"
            " ELSE ARRAY['usage:write', 'usage:read', 'jobs:write', 'billing:read', 'billing:write'] END",
            name="scopes",
        ),
        Index(None, "org_id"),  # the keys of an org
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey("orgs.id"))
    name: Mapped[str]
    prefix: Mapped[str]
    last4: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_address: Mapped[str | None]

    def state(self, now: datetime) -> str:
        """revoked, expired or active."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at is None or now < self.expires_at else "expired"

    def is_open(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.state(now) == "active"
