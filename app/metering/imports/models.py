"""The table of the progress of imports."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base


class UsageImport(Base):
    """An import of a file with a mapping: the last committed line, and the counts up to it."""

    __tablename__ = "usage_imports"

    digest: Mapped[str] = mapped_column(primary_key=True)
    mapping: Mapped[str] = mapped_column(primary_key=True)
    file: Mapped[str]
    line: Mapped[int] = mapped_column(BigInteger)
    recorded: Mapped[int] = mapped_column(BigInteger)
    duplicates: Mapped[int] = mapped_column(BigInteger)
    bad: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
