"""Checkouts: attempts to pay or save a card on Stripe's page."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import INTERVALS, one_of, spelled
from app.kit.db import Base
from app.payments.trials.models import KINDS

PURPOSES = ("subscription", "card")
CHECKOUT_STATES = ("opening", "open", "completed", "expired", "replaced", "failed")
_OPEN = text("state IN ('opening', 'open')")
_CURRENCY = "^[A-Z]{3}$"


class Checkout(Base):
    """An attempt to pay or save a card on Stripe's page. Its id is the idempotency key for creating the session.

    `trial_days` is the trial it was opened with; `trial_refused` is what of the org had had one, as its card told.
    """

    __tablename__ = "checkouts"
    __table_args__ = (
        one_of("purpose", PURPOSES),
        one_of("interval", INTERVALS),
        spelled("currency", _CURRENCY),
        CheckConstraint("amount >= 0", name="amount"),
        one_of("state", CHECKOUT_STATES),
        CheckConstraint("trial_days > 0", name="trial_days"),
        one_of("trial_refused", KINDS),
        UniqueConstraint("session_id"),
        CheckConstraint(
            "(purpose = 'subscription') = (num_nonnulls(plan_version_id, interval, currency, amount) = 4)",
            name="subject",
        ),
        CheckConstraint("(state IN ('opening', 'open')) = (closed_at IS NULL)", name="closed"),
        CheckConstraint("state <> 'open' OR session_id IS NOT NULL", name="open"),
        # serves: the open checkout of an org; enforces one per purpose
        Index("uq_checkouts_open", "org_id", "purpose", unique=True, postgresql_where=_OPEN),
        # serves: the sweep that polls Stripe for quiet checkouts
        Index(None, "opened_at", postgresql_where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    purpose: Mapped[str]
    plan_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("plan_versions.id"))
    interval: Mapped[str | None]
    currency: Mapped[str | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str]
    session_id: Mapped[str | None]
    opened_by: Mapped[UUID | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    trial_days: Mapped[int | None]
    trial_refused: Mapped[str | None]
