"""A change of plan that takes effect at the end of the billing period."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import INTERVALS, one_of, spelled
from app.kit.db import Base

APPLIED, UNDONE, REPLACED, LOST = "applied", "undone", "replaced", "lost"


class PlannedChange(Base):
    """A planned change: to a plan version at an interval, at `effective_at`. One stands at a time per org.

    Stripe's schedule `schedule_ref` mirrors it; None: not there yet. At `released_at` that was released to make way for
    another change or a cancellation: unless that is done, another schedule is made. It ends when it takes effect
    (`applied`), is taken back (`undone`), gives way to what was done instead (`replaced`), or the subscription ends or
    changes before (`lost`).
    """

    __tablename__ = "planned_changes"
    __table_args__ = (
        one_of("interval", INTERVALS),
        spelled("currency", "^[A-Z]{3}$"),
        one_of("outcome", (APPLIED, UNDONE, REPLACED, LOST)),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended"),
        # serves: the planned change of an org; enforces one
        Index("uq_planned_changes_open", "org_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        # serves: whether a schedule at Stripe is one of ours
        Index(None, "schedule_ref"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("subscriptions.id"))
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    interval: Mapped[str]
    currency: Mapped[str]
    effective_at: Mapped[datetime]
    schedule_ref: Mapped[str | None]
    planned_by: Mapped[UUID | None]
    planned_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
