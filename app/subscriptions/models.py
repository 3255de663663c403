"""Subscriptions and their history, the usage periods that tile an org's time, and the limits in force in each."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import INTERVALS, POLICIES, one_of, spelled
from app.kit.db import Base

STATES = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused", "ended")
COLLECTIONS = ("none", "offline", "stripe")
EVENTS = (
    "started", "renewed", "plan_changed", "cancel_planned", "cancel_undone",
    "past_due", "limited", "recovered", "ended",
)  # fmt: skip
_OPEN = text("ended_at IS NULL")


class Subscription(Base):
    """An org's time on one plan version; changing plan ends the row and opens the next.

    `collection` says who collects the money: nobody (the Free plan), us (offline), or Stripe. It determines usage
    periods: calendar months for the first two, months from `anchor_at` for Stripe. `cancel_at` is a planned end.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        one_of("state", STATES),
        one_of("interval", INTERVALS),
        one_of("collection", COLLECTIONS),
        spelled("currency", "^[A-Z]{3}$"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("ended_at >= started_at", name="times"),
        CheckConstraint("billing_ends_at > billing_starts_at", name="billing_period"),
        # serves: the current subscription of an org; enforces one per org
        Index("uq_subscriptions_open", "org_id", unique=True, postgresql_where=_OPEN),
        # serves: the billing history of an org, newest first
        Index(None, "org_id", "started_at"),
        # serves: the subscribers of a plan version
        Index(None, "plan_version_id", postgresql_where=_OPEN),
        # serves: the sweep that advances billing periods
        Index(None, "billing_ends_at", postgresql_where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    state: Mapped[str]
    interval: Mapped[str]
    currency: Mapped[str]
    collection: Mapped[str]
    anchor_at: Mapped[datetime]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    billing_starts_at: Mapped[datetime]
    billing_ends_at: Mapped[datetime]
    cancel_at: Mapped[datetime | None]
    assigned_by: Mapped[UUID | None]
    limited_at: Mapped[datetime | None]


class SubscriptionEvent(Base):
    """An event in a subscription's history. `key` distinguishes events of a kind, so each is recorded once."""

    __tablename__ = "subscription_events"
    __table_args__ = (
        one_of("kind", EVENTS),
        UniqueConstraint("subscription_id", "kind", "key"),
        # serves: the billing history of an org, newest first
        Index(None, "org_id", "at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("subscriptions.id"))
    kind: Mapped[str]
    key: Mapped[str]
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    at: Mapped[datetime]
    noted_at: Mapped[datetime]


class SubscriptionTerm(Base):
    """The org's plan version from `starts_at` until its next row. Also kept for orgs on the default plan."""

    __tablename__ = "subscription_terms"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))


class UsagePeriod(Base):
    """An org's usage period, [starts_at, ends_at). `previous_end` names the period before; only the first has none.

    `plan_version_id` is the version in force at its end, by which it is rated. `time_zone` is the org's zone, whose
    calendar sets the boundaries unless Stripe's anchor does. No foreign key to plans: see the migration.
    """

    __tablename__ = "usage_periods"
    __table_args__ = (
        UniqueConstraint("org_id", "ends_at"),
        ForeignKeyConstraint(
            ["org_id", "previous_end"],
            ["usage_periods.org_id", "usage_periods.ends_at"],
            deferrable=True,
            initially="DEFERRED",
        ),
        CheckConstraint("ends_at > starts_at", name="length"),
        CheckConstraint("previous_end = starts_at", name="tiling"),
        # serves: the first period of an org; enforces that only one has no predecessor
        Index("uq_usage_periods_first", "org_id", unique=True, postgresql_where=text("previous_end IS NULL")),
        # serves: the sweep that opens periods ahead (the last period of each org, by its end)
        Index(None, "ends_at"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime]
    previous_end: Mapped[datetime | None]
    plan_version_id: Mapped[UUID]
    time_zone: Mapped[str]
    opened_at: Mapped[datetime]


class LimitInForce(Base):
    """A meter's limits in a period. `allowance` None is unlimited; under `block` the cap is
    coalesce(hard_limit, allowance). A meter without a row is recorded, unlimited and not billed.
    """

    __tablename__ = "limits_in_force"
    __table_args__ = (
        one_of("policy", POLICIES),
        CheckConstraint("allowance >= 0", name="allowance"),
        CheckConstraint("hard_limit >= 0", name="hard_limit"),
        CheckConstraint("per_minute > 0", name="per_minute"),
        CheckConstraint("per_hour > 0", name="per_hour"),
        CheckConstraint("per_day > 0", name="per_day"),
        ForeignKeyConstraint(
            ["org_id", "period_start"], ["usage_periods.org_id", "usage_periods.starts_at"], ondelete="CASCADE"
        ),
        # serves: all limits of a period (pages, replacing them on a change of plan, the cascade)
        Index(None, "org_id", "period_start"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"), primary_key=True)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    allowance: Mapped[Decimal | None]
    policy: Mapped[str]
    hard_limit: Mapped[Decimal | None]
    per_minute: Mapped[Decimal | None]
    per_hour: Mapped[Decimal | None]
    per_day: Mapped[Decimal | None]
