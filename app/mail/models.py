"""The outbox: emails waiting, sent and failed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base


class Mail(Base):
    """An email. `key` makes it unique and determines its Message-ID; the body is deleted once it is sent.

    `claimed_until` is when the worker that is sending it counts as dead. `about` is the id of what it is about, as
    whoever queued it named it, and `at` when that was by the business clock.
    """

    __tablename__ = "mail_outbox"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_mail_outbox_open", "state", "id", postgresql_where=text("state <> 'sent'")),
        Index(None, "template", "id"),
        Index(None, "to_address", "id"),
        Index(None, "about", "at", postgresql_where=text("about IS NOT NULL")),
        CheckConstraint("state IN ('waiting', 'sent', 'failed')", name="state"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent_at"),
        CheckConstraint("state = 'sent' OR (body_text IS NOT NULL AND body_html IS NOT NULL)", name="body"),
        CheckConstraint("(about IS NULL) = (at IS NULL)", name="about"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("claimed_until IS NULL OR state = 'waiting'", name="claimed_until"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    template: Mapped[str]
    to_address: Mapped[str]
    subject: Mapped[str]
    body_text: Mapped[str | None]
    body_html: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    last_error: Mapped[str | None]
    claimed_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    about: Mapped[UUID | None]
    at: Mapped[datetime | None]
