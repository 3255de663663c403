"""A change of plan that takes effect at the end of the billing period."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import INTERVALS, one_of, spelled
from app.kit.db import Base

APPLIED, UNDONE, REPLACED, LOST = "applied", "undone", "replaced", "lost"
ORG, STAFF = "org", "staff"
_BY_STAFF = text("ended_at IS NULL AND origin = 'staff'")
WAITING, PLANNED, KEPT, FAILED, UNDOING, MOVE_UNDONE = "waiting", "planned", "kept", "failed", "undoing", "undone"


class PlannedChange(Base):
    """A planned change: to a plan version at an interval, at `effective_at`. One stands at a time per org.

    Stripe's schedule `schedule_ref` mirrors it; None: not there yet. At `released_at` that was released to make way for
    another change or a cancellation: unless that is done, another schedule is made. It ends when it takes effect
    (`applied`), is taken back (`undone`), gives way to what was done instead (`replaced`), or the subscription ends or
    changes before (`lost`).

    What `origin` staff planned takes effect after a notice that runs until `not_before`: the fee with the billing
    period that begins at `effective_at`, usage with the usage period at `usage_at` (None: with the fee).
    """

    __tablename__ = "planned_changes"
    __table_args__ = (
        one_of("interval", INTERVALS),
        spelled("currency", "^[A-Z]{3}$"),
        one_of("outcome", (APPLIED, UNDONE, REPLACED, LOST)),
        one_of("origin", (ORG, STAFF)),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended"),
        CheckConstraint("(origin = 'staff') = (not_before IS NOT NULL)", name="notice"),
        CheckConstraint("usage_applied_at IS NULL OR usage_at IS NOT NULL", name="usage"),
        # serves: the planned change of an org; enforces one
        Index("uq_planned_changes_open", "org_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        # serves: whether a schedule at Stripe is one of ours
        Index(None, "schedule_ref"),
        # serves: the sweep that lets staff's changes take effect
        Index("ix_planned_changes_staff", "effective_at", postgresql_where=_BY_STAFF),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("subscriptions.id"))
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    interval: Mapped[str]
    currency: Mapped[str]
    effective_at: Mapped[datetime]
    origin: Mapped[str]
    not_before: Mapped[datetime | None]
    usage_at: Mapped[datetime | None]
    usage_applied_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    schedule_ref: Mapped[str | None]
    planned_by: Mapped[UUID | None]
    planned_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]

    @property
    def first_at(self) -> datetime:
        """When the first of it takes effect: usage or fee."""
        return min(self.effective_at, self.usage_at or self.effective_at)


class PlanMove(Base):
    """A move of the organisations on one version of a plan to another, after a notice that runs until `not_before`."""

    __tablename__ = "plan_moves"
    __table_args__ = (
        CheckConstraint("from_version_id <> to_version_id", name="versions"),
        CheckConstraint("not_before >= asked_at", name="notice"),
        # serves: the moves of a plan's versions, on staff's page of it
        Index(None, "to_version_id", "asked_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    from_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    to_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    reason: Mapped[str]
    not_before: Mapped[datetime]
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[datetime]
    stopped_by: Mapped[UUID | None]
    stopped_at: Mapped[datetime | None]


class PlanMoveOrg(Base):
    """What a move does for one organisation: `planned`, by the change `planned_id` whose outcome says the rest, or not.

    `kept`: it stays for now, for the reason in `note`. `undoing`: taken back, as soon as Stripe knows.
    """

    __tablename__ = "plan_move_orgs"
    __table_args__ = (
        one_of("state", (WAITING, PLANNED, KEPT, FAILED, UNDOING, MOVE_UNDONE)),
        CheckConstraint("state <> 'planned' OR planned_id IS NOT NULL", name="planned"),
        # serves: the task that plans the moves of organisations, and takes them back
        Index("ix_plan_move_orgs_open", "tried_at", postgresql_where=text("state IN ('waiting', 'kept', 'undoing')")),
    )

    move_id: Mapped[UUID] = mapped_column(ForeignKey("plan_moves.id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    state: Mapped[str]
    note: Mapped[str | None]
    planned_id: Mapped[UUID | None] = mapped_column(ForeignKey("planned_changes.id"))
    tried_at: Mapped[datetime | None]
