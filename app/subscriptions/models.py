"""Subscriptions and their history, the usage periods that tile an org's time, and the terms in force in each."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import INTERVALS, POLICIES, one_of, spelled
from app.kit.db import Base
from app.kit.periods import Period
from app.subscriptions.period_schedule import SKEW
from app.subscriptions.terms.resolver import SOURCES

STATES = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused", "ended")
COLLECTIONS = ("none", "offline", "stripe")
EVENTS = (
    "started", "trial_started", "trial_ended", "renewed", "plan_changed", "upgraded", "downgraded", "interval_changed",
    "change_planned", "change_undone", "move_planned", "move_undone", "cancel_planned", "cancel_undone", "past_due",
    "limited", "recovered", "ended",
)  # fmt: skip
OVERRIDE_KINDS = (
    "allowance", "policy", "hard_limit", "per_minute", "per_hour", "per_day", "charge", "overage_price",
    "limit", "feature",
)  # fmt: skip
_OPEN = text("ended_at IS NULL")


class Subscription(Base):
    """An org's time on one plan version; changing plan ends the row and opens the next.

    `collection` says who collects the money: nobody (the Free plan), us (offline), or Stripe. It determines usage
    periods: calendar months for the first two, months from `anchor_at` for Stripe. `cancel_at` is a planned end.
    Between `trial_starts_at` and `trial_ends_at` it is tried: usage is not billed, and the first paid period follows.
    `limited_at` is when the org was restricted until it pays; whether that holds is `terms.restriction`'s rule.
    `usage_version_id` is the version whose terms of usage hold, where a move by staff has fee and usage follow at
    different times: the fee is that of `plan_version_id` until both are the same again.
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
        CheckConstraint(
            "(trial_starts_at IS NULL) = (trial_ends_at IS NULL) AND trial_ends_at >= trial_starts_at", name="trial"
        ),
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
    usage_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("plan_versions.id"))
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
    restriction_lifted_until: Mapped[datetime | None]
    trial_starts_at: Mapped[datetime | None]
    trial_ends_at: Mapped[datetime | None]

    def tries(self, period: Period) -> bool:
        """Whether a usage period lies in the trial. Stripe's clock and ours may differ by seconds."""
        if self.trial_starts_at is None or self.trial_ends_at is None:
            return False
        return self.trial_starts_at - SKEW <= period.start and period.end <= self.trial_ends_at

    @property
    def terms_version_id(self) -> UUID:
        """The version whose terms of usage hold."""
        return self.usage_version_id or self.plan_version_id

    @hybrid_property
    def is_open(self) -> bool:
        """Whether it is the org's current one; SQL of other rooms reads the view `subscriptions_open`."""
        return self.ended_at is None

    @is_open.inplace.expression
    @classmethod
    def _is_open(cls) -> ColumnElement[bool]:
        return cls.ended_at.is_(None)


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


class PlanInForce(Base):
    """The org's plan version from `starts_at` until its next row. Also kept for orgs on the default plan."""

    __tablename__ = "plans_in_force"

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))


class UsagePeriod(Base):
    """An org's usage period, [starts_at, ends_at). `previous_end` names the period before; only the first has none.

    `closed_at` is when its usage was rated for good: from then on neither its end nor its terms change.
    `plan_version_id` is the version in force at its end, by which it is rated. `time_zone` is the org's zone, whose
    calendar sets the boundaries unless Stripe's anchor does. `currency` is what it is priced in, None until its terms
    are resolved. No foreign key to plans: see the migration.
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
        spelled("currency", "^[A-Z]{3}$"),
        # serves: the first period of an org; enforces that only one has no predecessor
        Index("uq_usage_periods_first", "org_id", unique=True, postgresql_where=text("previous_end IS NULL")),
        # serves: the sweep that opens periods ahead (the last period of each org, by its end)
        Index(None, "ends_at"),
        # serves: the sweep that closes periods
        Index("ix_usage_periods_open", "ends_at", postgresql_where=text("closed_at IS NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime]
    previous_end: Mapped[datetime | None]
    plan_version_id: Mapped[UUID]
    time_zone: Mapped[str]
    currency: Mapped[str | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class TermsInForce(Base):
    """A meter's terms in a period, as `terms.resolver.MeterTerms` describes them. Written by `terms.writer` alone.

    A period without a row for a meter is unresolved, never unlimited: whoever meets it has it resolved first. The same
    goes for a row past its `valid_until`.
    """

    __tablename__ = "terms_in_force"
    __table_args__ = (
        one_of("policy", POLICIES),
        CheckConstraint("allowance >= 0", name="allowance"),
        CheckConstraint("hard_limit >= 0", name="hard_limit"),
        CheckConstraint("cap >= 0", name="cap"),
        CheckConstraint("per_minute > 0", name="per_minute"),
        CheckConstraint("per_hour > 0", name="per_hour"),
        CheckConstraint("per_day > 0", name="per_day"),
        ForeignKeyConstraint(
            ["org_id", "period_start"], ["usage_periods.org_id", "usage_periods.starts_at"], ondelete="CASCADE"
        ),
        # serves: all terms of a period (pages, resolving them anew, the cascade)
        Index(None, "org_id", "period_start"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"), primary_key=True)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    mentioned: Mapped[bool]
    policy: Mapped[str]
    allowance: Mapped[Decimal | None]
    hard_limit: Mapped[Decimal | None]
    cap: Mapped[Decimal | None]
    per_minute: Mapped[Decimal | None]
    per_hour: Mapped[Decimal | None]
    per_day: Mapped[Decimal | None]
    charge_id: Mapped[UUID | None]
    sources: Mapped[dict[str, str]] = mapped_column(JSONB)
    valid_until: Mapped[datetime | None]


class SupersededTerms(Base):
    """Terms of a meter that charged for usage in a period until its plan or version was changed at `changed_at`.

    A change never lowers what the running period already owes. Kept by `realign_periods.move_to_plan`.
    """

    __tablename__ = "superseded_terms"
    __table_args__ = (
        CheckConstraint("allowance >= 0", name="allowance"),
        CheckConstraint("changed_at > period_start", name="within"),
        ForeignKeyConstraint(
            ["org_id", "period_start"], ["usage_periods.org_id", "usage_periods.starts_at"], ondelete="CASCADE"
        ),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    changed_at: Mapped[datetime] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"), primary_key=True)
    plan_version_id: Mapped[UUID]
    allowance: Mapped[Decimal | None]
    charge_id: Mapped[UUID]


class Override(Base):
    """An exception for one org, by `key` (`overrides.keys`). `value` is JSON, quantities as text; null is unlimited.

    It holds in [starts_at, ends_at) unless it ended before, at `ended_at`: taken back, replaced, or lost with the plan
    `plan_id` that it was given on (None: it stays with the org). `currency` is that of a price.
    """

    __tablename__ = "overrides"
    __table_args__ = (
        spelled("key", f"^({'|'.join(OVERRIDE_KINDS)}):[a-z][a-z0-9_]{{0,62}}$"),
        spelled("currency", "^[A-Z]{3}$"),
        CheckConstraint("length(reason) BETWEEN 1 AND 500", name="reason"),
        CheckConstraint("ends_at > starts_at", name="length"),
        # serves: the overrides of an org that hold or will; enforces one at a time per key
        Index("uq_overrides_open", "org_id", "key", unique=True, postgresql_where=_OPEN),
        # serves: all overrides that an org has had, for its timeline
        Index(None, "org_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    key: Mapped[str]
    value: Mapped[Any] = mapped_column(JSONB)
    currency: Mapped[str | None]
    reason: Mapped[str]
    plan_id: Mapped[UUID | None] = mapped_column(ForeignKey("plans.id"))
    given_by: Mapped[UUID | None]
    given_at: Mapped[datetime]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class OrgTerm(Base):
    """A limit of no meter (`limit:<key>`; `amount` None is unlimited) or a feature (`feature:<key>`), as of now."""

    __tablename__ = "org_terms"
    __table_args__ = (
        spelled("key", "^(limit|feature):[a-z][a-z0-9_]{0,62}$"),
        CheckConstraint("amount >= 0", name="amount"),
        one_of("source", SOURCES),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[Decimal | None]
    value: Mapped[Any | None] = mapped_column(JSONB)
    label: Mapped[str | None]
    position: Mapped[int | None]
    source: Mapped[str]
    valid_until: Mapped[datetime | None]
