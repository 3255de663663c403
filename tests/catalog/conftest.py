"""A database of its own for what must begin without any plan: the catalogue is the installation's, not a test's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.catalog.apply import apply_catalog
from app.catalog.compare import CatalogDifference
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from tests.support.database import own_database

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def empty(server: Path) -> Iterator[str]:
    """The address of a migrated database without a catalogue."""
    with own_database(server, "catalog") as url:
        yield url


@pytest.fixture
def fresh(empty: str) -> Iterator[Session]:
    """A session on it."""
    engine = create_engine(empty.replace("postgresql://", "postgresql+psycopg://", 1))
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def put(fresh: Session) -> Callable[..., CatalogDifference]:
    """Apply TOML text to the fresh database and commit."""

    def applied(text: str, **options: bool) -> CatalogDifference:
        difference = apply_catalog(fresh, read_catalog(text, "x.toml"), actor=SYSTEM, now=NOW, **options)
        fresh.commit()
        return difference

    return applied
