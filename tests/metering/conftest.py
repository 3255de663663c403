"""Metering's own fixtures: the world, in both forms of the write calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.kit.postgres.pool import HotPool
from tests.metering.books import Books
from tests.metering.world import World
from tests.support.roles import as_app


@pytest.fixture(scope="session", params=["durable", "plain"])
def world(request: pytest.FixtureRequest, database: str) -> Iterator[World]:
    """Commit then flush, where the server can; and the plain function, as on PostgreSQL 15 or with a standby."""
    pool = HotPool(as_app(database), 8)
    yield World(database, pool, standby=request.param == "plain")
    pool.close()


@pytest.fixture(scope="session")
def books(database: str) -> Iterator[Books]:
    """The world with its roll-ups, which the test folds itself."""
    pool = HotPool(as_app(database), 4)
    made = Books(database, pool)
    yield made
    made.engine.dispose()
    pool.close()
