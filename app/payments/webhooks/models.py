"""The inbox: Stripe's events as received."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of
from app.kit.db import Base

INBOX_STATES = ("received", "applied", "ignored", "refused", "parked", "failed")


class InboxEvent(Base):
    """An event, stored once as received; secrets and addresses of Stripe's pages are redacted first.

    `replayed_at` is when staff asked to apply it although it may have been refused.
    """

    __tablename__ = "stripe_inbox"
    __table_args__ = (
        one_of("state", INBOX_STATES),
        one_of("source", ("webhook", "reconcile")),
        # serves: the inbox page, newest first
        Index(None, "received_at", "id"),
        # serves: events that need attention, and the health page
        Index(
            None,
            "state",
            "received_at",
            postgresql_where=text("state IN ('received', 'parked', 'failed', 'refused')"),
        ),
        # serves: the events of one customer
        Index(None, "customer_id", "received_at"),
        # serves: the timeline of one org
        Index(None, "org_id", "created_at", postgresql_where=text("org_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    api_version: Mapped[str | None]
    livemode: Mapped[bool]
    account: Mapped[str | None]
    object_type: Mapped[str]
    object_id: Mapped[str | None]
    customer_id: Mapped[str | None]
    org_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(server_default="received")
    attempts: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    source: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    replayed_at: Mapped[datetime | None]
