"""The table of the progress of imports."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base


class UsageImport(Base):
    """An import of a file with a mapping: the last committed line, and the counts up to it.

    `brought` is the number of events that came with it, over all its runs.
    """

    __tablename__ = "usage_imports"
    __table_args__ = (
        UniqueConstraint("id"),
        # serves the search for an import of the same file name
        Index("ix_usage_imports_file", "file"),
    )

    digest: Mapped[str] = mapped_column(primary_key=True)
    mapping: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    file: Mapped[str]
    line: Mapped[int] = mapped_column(BigInteger)
    recorded: Mapped[int] = mapped_column(BigInteger)
    duplicates: Mapped[int] = mapped_column(BigInteger)
    bad: Mapped[int] = mapped_column(BigInteger)
    brought: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
