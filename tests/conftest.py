"""What every test may ask for: an app on a real, migrated PostgreSQL, a session, a client, two clocks that stand still.

Outside tests/sql, data is never rolled back: every test makes its own org and counts only what is its own.
"""

from __future__ import annotations

import inspect
import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.kit.clock import Clocks
from app.settings import PROJECT
from app.web.database import db
from sandbox.postgres import server as postgres
from tests.pages import Browser
from tests.support.database import file_lock, own_database, run_as_admin
from tests.support.settings import make_settings
from tests.today import NOON, FixedClock

pytest_plugins = (
    "tests.standin",  # the stand-in for Stripe, and the count of its checked messages
    "tests.scenario.fixtures",
    "tests.support.left_open",  # no test leaves a transaction open
    "tests.support.matrices",  # which pages of the matrices a run looked at
    "tests.support.order",
    "tests.support.seconds",
    "tests.support.slow",
    "tests.support.tiers",
)
# The cluster may be lost with the machine: waiting for its disk would be most of what a small test does.
CARELESS = ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off")
# A busy machine is no finding: what a property holds does not depend on how long it took.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background ignores Ctrl-C for all that they start, which tests of it need.
    signal.signal(signal.SIGINT, signal.default_int_handler)
_DATE = re.compile(r"\b20[23]\d-\d\d|\bdate(?:time)?\(20|[a-z] 20[23]\d\b")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads a clock, and what tells of dates that are written out: it is right on its own day only."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if {"clock", "clocks", "wall", "stack"} & asked:
            item.add_marker("clock")
        if {"written", "paid_app"} & asked or (isinstance(item, pytest.Function) and _has_dates(item.function)):
            item.add_marker("dated")


@cache
def _has_dates(test: Callable[..., None]) -> bool:
    """Whether dates are written out in the test. Its cases share the answer: there are twice as many."""
    return _DATE.search(inspect.getsource(test)) is not None


@pytest.fixture(scope="session")
def server() -> Path:
    """The folder of the test cluster; it stays up between runs, since starting it is what takes time."""
    release = "".join(c if c.isalnum() else "-" for c in os.environ.get("EMBEDDED_POSTGRES", "18")).strip("-")
    data = PROJECT / "instance" / "test" / f"postgres-{release}"
    with file_lock(data.parent / "server.lock"):
        postgres.start(data)
        run_as_admin(data, *CARELESS, "SELECT pg_reload_conf()")
    return data


@pytest.fixture(scope="session")
def database(server: Path) -> Iterator[str]:
    """The address of this process's own database, copied from a template that the migrations built."""
    from tests.support import left_open  # here: pytest loads its plugins first

    with own_database(server, f"test_{os.getpid()}") as url:
        left_open.watch(url)
        yield url


@pytest.fixture(scope="session")
def clocks() -> Clocks:
    """The two clocks of the test app."""
    return Clocks(business=FixedClock(NOON), wall=FixedClock(NOON))


@pytest.fixture(scope="session")
def app(database: str, clocks: Clocks) -> Iterator[Flask]:
    """The whole app, as the factory makes it."""
    from app.factory import create_app  # here, so that tests of one room run while another is under repair

    made = create_app(make_settings(database), clocks)
    made.config["TESTING"] = False
    made.test_client_class = Browser
    yield made
    made.extensions["tollkeeper"].pool.close()
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def clock(clocks: Clocks) -> Iterator[FixedClock]:
    """The business clock, at the tests' now unless the test moves it."""
    business = clocks.business
    assert isinstance(business, FixedClock)
    business.at = NOON
    yield business
    business.at = NOON


@pytest.fixture
def wall(clocks: Clocks) -> Iterator[FixedClock]:
    """The wall clock, likewise."""
    standing = clocks.wall
    assert isinstance(standing, FixedClock)
    standing.at = NOON
    yield standing
    standing.at = NOON


@pytest.fixture
def session(app: Flask, clock: FixedClock, wall: FixedClock) -> Iterator[Session]:
    """A database session inside an app context; commit what other connections must see."""
    with app.app_context():
        yield db.session()
        db.session.remove()


@pytest.fixture
def client(app: Flask, clock: FixedClock, wall: FixedClock) -> FlaskClient:
    """A browser without JavaScript: keeps cookies, follows nothing unasked."""
    return app.test_client()
