"""The history of recurring charges."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of, spelled
from app.kit.db import Base
from app.subscriptions.models import COLLECTIONS, STATES


class RecurringCharge(Base):
    """What an org is charged from `starts_at` on, as we knew it at `noted_at`. Written once, a row for each change.

    `fees` and `discounts` are as in `facts`; `paused` says that nothing is collected. A row noted later overrules all
    that was noted before about its time; the view `subscriptions_recurring` says from when to when each one holds.
    """

    __tablename__ = "recurring_charges"
    __table_args__ = (
        one_of("state", STATES),
        one_of("collection", COLLECTIONS),
        spelled("currency", "^[A-Z]{3}$"),
        # serves: the last row of an org, and the order in which its rows were noted
        Index(None, "org_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("subscriptions.id"))
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    state: Mapped[str]
    collection: Mapped[str]
    currency: Mapped[str]
    fees: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    paused: Mapped[bool]
    trial_ends_at: Mapped[datetime | None]
    cancel_at: Mapped[datetime | None]
    starts_at: Mapped[datetime]
    noted_at: Mapped[datetime]
