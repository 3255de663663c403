"""When an org that owes a renewal is reminded, and when its grace ends."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of
from app.kit.db import Base

_RUNNING = text("ended_at IS NULL")


class Dunning(Base):
    """Dunning from a failed renewal until it is paid or the subscription ends: the next email, the end of the grace."""

    __tablename__ = "dunnings"
    __table_args__ = (
        CheckConstraint("mails >= 0", name="mails"),
        one_of("outcome", ("recovered", "ended")),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended"),
        # serves: the open dunning of a subscription; enforces one
        Index("uq_dunnings_open", "stripe_subscription_id", unique=True, postgresql_where=_RUNNING),
        # serves: the banner of an org
        Index(None, "org_id", postgresql_where=_RUNNING),
        # serves: the sweep that sends the next email; the last one ends the grace period
        Index(None, "next_mail_at", postgresql_where=_RUNNING),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    stripe_subscription_id: Mapped[str] = mapped_column(ForeignKey("stripe_subscriptions.id"))
    started_at: Mapped[datetime]
    mails: Mapped[int] = mapped_column(server_default="0")
    next_mail_at: Mapped[datetime | None]
    grace_ends_at: Mapped[datetime]
    limited_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
