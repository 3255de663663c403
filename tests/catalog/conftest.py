"""A database of its own for what must begin without any plan: the catalogue is the installation's, not a test's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.catalog.apply import apply_catalog
from app.catalog.compare import CatalogDifference
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from tests.support.database import own_database

# The tables that a test here may write: those of catalogue and audit.
WRITTEN = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname ~ '^(meters|plan|audit_)'
"""
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def _catalog_database(server: Path) -> Iterator[tuple[str, str]]:
    """A database for all of these tests, and the statements that empty it."""
    with own_database(server, "catalog") as url:
        with psycopg.connect(url) as connection:
            tables = connection.execute(WRITTEN).fetchall()
        yield url, "; ".join(f"DELETE FROM {name}" for (name,) in tables)


@pytest.fixture
def empty(_catalog_database: tuple[str, str]) -> str:
    """The address of a migrated database without a catalogue."""
    url, statements = _catalog_database
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # what refuses to change a book stands aside
        connection.execute(statements)
    return url


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
