"""Who has had a trial: kept for good, and without a name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import one_of
from app.kit.db import Base

ORG, CARD, DOMAIN = "org", "card", "domain"
KINDS = (ORG, CARD, DOMAIN)
GRANTED = "granted"
VERDICTS = (GRANTED, *KINDS)


class TrialUse(Base):
    """An org, a card or a domain that has had its trial, as a keyed hash. It names nobody, so erasure leaves it."""

    __tablename__ = "trial_uses"
    __table_args__ = (
        one_of("kind", KINDS),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime]
