"""A database of its own for what must begin without any plan: the catalogue is the installation's, not a test's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.catalog.apply import apply
from app.catalog.compare import Difference
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from sandbox.postgres import server as postgres
from tests.conftest import _admin, _digest

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def empty(server: Path, database: str) -> Iterator[str]:
    """The address of a migrated database without a catalogue. (`database` has built the template.)"""
    name = f"catalog_{uuid4().hex[:8]}"
    _admin(server, f"CREATE DATABASE {name} TEMPLATE template_{_digest()}")
    yield postgres.url(server, name)
    _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def fresh(empty: str) -> Iterator[Session]:
    """A session on it."""
    engine = create_engine(empty.replace("postgresql://", "postgresql+psycopg://", 1))
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def put(fresh: Session) -> Callable[..., Difference]:
    """Apply TOML text to the fresh database and commit."""

    def applied(text: str, **options: bool) -> Difference:
        difference = apply(fresh, read_catalog(text, "x.toml"), actor=SYSTEM, now=NOW, **options)
        fresh.commit()
        return difference

    return applied
