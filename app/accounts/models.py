"""Tables of people and organisations; sessions, tokens and keys are in `auth_models.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, func, literal_column
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base

MOST_NOTE = 4_000
ROLE_CHECK = "role IN ('owner', 'admin', 'billing', 'member', 'viewer')"


class Org(Base):
    """The account that is billed. `created_at` is business time: usage periods are counted from it.

    Invoices are made out to `legal_name`, else to the name, and copied to `billing_emails`.
    """

    __tablename__ = "orgs"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("char_length(legal_name) BETWEEN 1 AND 200", name="legal_name"),
        CheckConstraint("cardinality(billing_emails) <= 5", name="billing_emails"),
        CheckConstraint("char_length(order_number) BETWEEN 1 AND 100", name="order_number"),
        CheckConstraint("char_length(invoice_note) BETWEEN 1 AND 140", name="invoice_note"),
        # staff's list of orgs by name
        Index("ix_orgs_name", func.lower(literal_column("name")), "id", postgresql_where="deleted_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(server_default="UTC", default="UTC")
    currency: Mapped[str | None] = mapped_column(CHAR(3))
    address: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
    tax_id: Mapped[str | None]
    legal_name: Mapped[str | None]
    billing_emails: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", default=list)
    order_number: Mapped[str | None]
    invoice_note: Mapped[str | None]
    clients_listed_only: Mapped[bool] = mapped_column(server_default="false", default=False)
    created_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class User(Base):
    """A person who signs in. The email address is lower case; without a password hash there is no password sign-in.

    A `staff_owner` is one of the staff, and may delete what others of the staff wrote.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email) AND char_length(email) BETWEEN 3 AND 320", name="email"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("staff OR NOT staff_owner", name="staff_owner"),
        CheckConstraint("theme IN ('system', 'light', 'dark')", name="theme"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    email_verified_at: Mapped[datetime | None]
    staff: Mapped[bool] = mapped_column(server_default="false", default=False)
    staff_owner: Mapped[bool] = mapped_column(server_default="false", default=False)
    theme: Mapped[str] = mapped_column(server_default="system", default="system")
    locale: Mapped[str] = mapped_column(server_default="en", default="en")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def is_active(self) -> bool:
        """Neither disabled by staff nor deleted."""
        return self.disabled_at is None and self.deleted_at is None


class Membership(Base):
    """A user in an org. `external_id` is how the host product labels the user on usage events.

    A new session opens in the org chosen last (`chosen_at`).
    """

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint(ROLE_CHECK, name="role"),
        CheckConstraint("char_length(external_id) BETWEEN 1 AND 255", name="external_id"),
        UniqueConstraint("org_id", "external_id"),
        Index(None, "user_id"),  # the orgs of a user (org switch, sign-in)
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    external_id: Mapped[str | None]
    created_at: Mapped[datetime]
    chosen_at: Mapped[datetime | None]


class Invitation(Base):
    """An offer of membership, bound to an email address; can be accepted once."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email"),
        CheckConstraint(ROLE_CHECK, name="role"),
        # one open invitation per address and org; also lists the open ones
        Index(None, "org_id", "email", unique=True, postgresql_where="accepted_at IS NULL AND revoked_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    email: Mapped[str]
    role: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    def state(self, now: datetime) -> str:
        """accepted, revoked, expired, or invited: it can still be accepted."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "invited" if now < self.expires_at else "expired"

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be accepted."""
        return self.state(now) == "invited"


class Client(Base):
    """A customer of the org: an optional label on usage. Deleting it does not touch usage.

    `made_by_event`: the first event that named it made it, and nobody has named it since.
    """

    __tablename__ = "clients"
    __table_args__ = (
        CheckConstraint("char_length(ref) BETWEEN 1 AND 255", name="ref"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name"),
        UniqueConstraint("org_id", "ref"),
        # serves the bound on clients that events make
        Index("ix_clients_org_id_made_by_event", "org_id", postgresql_where="made_by_event"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    ref: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    made_by_event: Mapped[bool] = mapped_column(server_default="false", default=False)


class OrgNote(Base):
    """What staff noted on an org, for staff alone. `created_at` is business time, as on the org's timeline."""

    __tablename__ = "org_notes"
    __table_args__ = (
        CheckConstraint(f"char_length(words) BETWEEN 1 AND {MOST_NOTE}", name="words"),
        Index(None, "org_id", "created_at", "id"),  # the notes on an org, newest first, their bound, its timeline
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    words: Mapped[str]
    created_at: Mapped[datetime]
