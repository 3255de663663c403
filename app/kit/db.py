"""The database: one declarative base, one naming convention, one function that commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Numeric, Text, Uuid
from sqlalchemy.orm import DeclarativeBase, Session, registry

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# The migration that the database is at, and whether it has the queue.
SCHEMA_STATE = "SELECT (SELECT version_num FROM alembic_version), to_regclass('procrastinate_jobs') IS NOT NULL"


class Base(DeclarativeBase):
    """The base of every table."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            str: Text,
            UUID: Uuid(as_uuid=True),
            datetime: DateTime(timezone=True),
            Decimal: Numeric,
        },
    )


@contextmanager
def transaction(session: Session) -> Iterator[Session]:
    """Run the block in one transaction: commit at the end, roll back on any error. For entry points only."""
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
