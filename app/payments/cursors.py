"""How far reconciliation has read through Stripe's lists, and where the next reader begins."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Mapped, Session, mapped_column

from app.kit.db import Base

EVENTS = "events"
CUSTOMERS = "customers"
"""Every customer of an org that Stripe made before this cursor is known here."""
OVERLAP = timedelta(hours=1)
"""Objects of the same moment come in no fixed order, so this much is read twice."""


class StripeCursor(Base):
    """How far we have read through one of Stripe's lists."""

    __tablename__ = "stripe_cursors"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    at: Mapped[datetime]


def find_start(session: Session, name: str) -> datetime | None:
    """Where to begin reading a list: an hour before the cursor; None if it was never read to its end."""
    cursor = session.get(StripeCursor, name)
    return cursor.at - OVERLAP if cursor else None


def advance(session: Session, name: str, at: datetime, value: str = "") -> None:
    """Set a cursor to a time; `value` is the last object read, where it matters."""
    session.merge(StripeCursor(name=name, value=value, at=at))
