"""A database with the rights of an operator's server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask_migrate import upgrade

from sandbox.postgres import server as postgres
from tests.support.database import migrator, run_as_admin


@pytest.fixture(scope="session")
def guarded(server: Path) -> Iterator[str]:
    """A database migrated by an owner who is no superuser, as on an operator's server."""
    run_as_admin(server, postgres.ROLES.read_text(encoding="utf-8"))
    name = f"guarded_{uuid4().hex[:8]}"
    run_as_admin(server, f"CREATE DATABASE {name} OWNER {postgres.OWNER}")
    with migrator(postgres.url(server, name, postgres.OWNER)).app_context():
        upgrade()
        upgrade()  # nothing new to migrate: the grants are given again
    yield postgres.url(server, name)
    run_as_admin(server, f"DROP DATABASE {name} WITH (FORCE)")
