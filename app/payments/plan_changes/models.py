"""Changes of plan that were confirmed, and what became of each."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import INTERVALS, one_of, spelled
from app.kit.db import Base

CHANGE_STATES = ("asked", "waiting", "applied", "failed", "lapsed")
_CURRENCY = "^[A-Z]{3}$"


class PlanChangeAttempt(Base):
    """A change of plan that somebody confirmed, under the id of its quote, which is also Stripe's idempotency key.

    Written as `asked` before Stripe is: `applied`; `waiting` for its payment; `failed`: it was not done; `lapsed`: it
    was not paid in time. `amount` is what the quote said is due today; `expected` is the total by our own formula and
    `previewed` the provider's, both before tax (None: not compared); `drifts`: they differ by more than rounding.
    """

    __tablename__ = "plan_changes"
    __table_args__ = (
        one_of("interval", INTERVALS),
        spelled("currency", _CURRENCY),
        CheckConstraint("amount >= 0", name="amount"),
        one_of("state", CHANGE_STATES),
        CheckConstraint("(state IN ('asked', 'waiting')) = (settled_at IS NULL)", name="settled"),
        # serves: the change of an org that is under way; enforces one
        Index("uq_plan_changes_open", "org_id", unique=True, postgresql_where=text("settled_at IS NULL")),
        # serves: the changes of an org, newest first
        Index(None, "org_id", "asked_at"),
        # serves: the sweep that asks Stripe what became of a change
        Index("ix_plan_changes_asked", "asked_at", postgresql_where=text("state = 'asked'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    stripe_subscription_id: Mapped[str] = mapped_column(ForeignKey("stripe_subscriptions.id"))
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    interval: Mapped[str]
    currency: Mapped[str]
    price_id: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    expected: Mapped[int | None] = mapped_column(BigInteger)
    previewed: Mapped[int | None] = mapped_column(BigInteger)
    drifts: Mapped[bool] = mapped_column(server_default=text("false"))
    prorated_at: Mapped[datetime]
    state: Mapped[str]
    invoice_id: Mapped[str | None]
    failure: Mapped[str | None]
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
