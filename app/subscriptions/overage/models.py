"""When an org has agreed to pay for overage."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of, spelled
from app.kit.db import Base

SWITCHED_OFF, REPLACED, PLAN_CHANGED, CARD_REMOVED = "switched_off", "replaced", "plan_changed", "card_removed"


class OverageConsent(Base):
    """An org's agreement to pay for usage above the allowance, by the prices of a plan version in one currency.

    It holds in [started_at, ended_at), and ends with the plan. A later version is covered where it prices usage alike.
    """

    __tablename__ = "overage_consents"
    __table_args__ = (
        spelled("currency", "^[A-Z]{3}$"),
        one_of("ended_for", (SWITCHED_OFF, REPLACED, PLAN_CHANGED, CARD_REMOVED)),
        CheckConstraint("ended_at >= started_at", name="times"),
        CheckConstraint("(ended_at IS NULL) = (ended_for IS NULL)", name="ended"),
        # serves: the consents of an org, to resolve its terms
        Index(None, "org_id", "started_at"),
        # serves: the consent in force; enforces one per org
        Index("uq_overage_consents_open", "org_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"))
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    currency: Mapped[str]
    started_at: Mapped[datetime]
    started_by: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]
    ended_for: Mapped[str | None]
