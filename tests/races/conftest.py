"""Races use real connections, threads and processes on the migrated database, or on a cluster of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.postgres import server as postgres
from tests.metering.conftest import world
from tests.races import closer
from tests.support import roles
from tests.support.database import run_as_admin

__all__ = ["world"]


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    """Clean processes, forked from one that has imported the app: each closes periods until it is killed."""
    context = get_context("forkserver")
    context.set_forkserver_preload([closer.__name__])
    return context


@pytest.fixture
def own_server() -> Iterator[Path]:
    """A cluster of this test's own, below a folder that every user may enter."""
    data = Path("/tmp") / f"tollkeeper-kill-{uuid4().hex[:8]}" / "postgres"
    postgres.start(data)
    run_as_admin(data, postgres.ROLES.read_text(encoding="utf-8"), roles.CREATE)
    yield data
    postgres.stop(data)
    shutil.rmtree(data.parent, ignore_errors=True)
