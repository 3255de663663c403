"""What every test may ask for: an app on a real, migrated PostgreSQL, a session, a client, two clocks that stand still.

Data is never rolled back: every test makes its own org and counts only what is its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import Migrate, upgrade
from sqlalchemy.orm import Session

from app.kit import embedded
from app.kit.clock import Clocks, FixedClock
from app.kit.pool import HotPool
from app.settings import PROJECT, Settings
from app.web.database import db
from app.web.runtime import Runtime
from tests.pages import Browser
from tests.today import NOON, WRITTEN

# The stand-in for Stripe with the count of its checked messages; which pages of the matrices a run looked at.
pytest_plugins = ("tests.standin", "tests.support.matrices")


# A busy machine is no finding: what a property holds does not depend on how long it took.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")


@pytest.fixture(scope="session")
def server() -> Path:
    """The folder of the test cluster; it stays up between runs, since starting it is what takes time."""
    release = "".join(c if c.isalnum() else "-" for c in os.environ.get("EMBEDDED_POSTGRES", "18")).strip("-")
    data = PROJECT / "instance" / "test" / f"postgres-{release}"
    with _locked(data.parent / "server.lock"):
        embedded.start(data)
    return data


@pytest.fixture(scope="session")
def database(server: Path) -> Iterator[str]:
    """The address of this process's own database, copied from a template that the migrations built."""
    name = f"test_{os.getpid()}_{uuid4().hex[:6]}"
    template = f"template_{_digest()}"
    with _locked(server.parent / "template.lock"):
        _build_template(server, template)
        _admin(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield embedded.url(server, name)
    _admin(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


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


def make_settings(database: str, **changed: object) -> Settings:
    """Settings of a test installation on `database`."""
    instance = PROJECT / "instance" / "test"
    given: dict[str, object] = {
        "sandbox": True,
        "secret_key": "test-secret-key-test-secret-key-test-secret",
        "key_pepper": "test-key-pepper-test-key-pepper-test-pepper",
        "base_url": "http://localhost",
        "database_url": database,
        "owner_database_url": database,
        "worker_database_url": database,
        "instance": instance,
        "metrics_token": "test-metrics-token",
    }
    return Settings(**{**given, **changed})  # type: ignore[arg-type]


def _build_template(server: Path, name: str) -> None:
    exists = "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate"
    with psycopg.connect(embedded.url(server, "postgres"), autocommit=True) as connection:
        if connection.execute(exists, (name,)).fetchone():
            return
    _admin(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    with _migrator(embedded.url(server, name)).app_context():
        upgrade()  # makes the partitions around the real day
    with psycopg.connect(embedded.url(server, name)) as connection:
        for day in (WRITTEN, NOON):
            connection.execute("SELECT usage_partitions(%s, 2, 3)", (day,))
    _admin(server, f"ALTER DATABASE {name} WITH IS_TEMPLATE true")


def _migrator(database: str) -> Flask:
    """Just enough of an app to run the migrations: a broken view must not look like a broken schema."""
    bare = Flask("migrator")
    bare.config["SQLALCHEMY_DATABASE_URI"] = database.replace("postgresql://", "postgresql+psycopg://", 1)
    clocks = Clocks(business=FixedClock(NOON), wall=FixedClock(NOON))
    bare.extensions["tollkeeper"] = Runtime(make_settings(database), clocks, HotPool(database, 1))
    db.init_app(bare)
    Migrate(bare, db, directory=str(PROJECT / "migrations"))
    return bare


def _admin(server: Path, *statements: str) -> None:
    with psycopg.connect(embedded.url(server, "postgres"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _digest() -> str:
    files = sorted(path for path in (PROJECT / "migrations").rglob("*") if path.suffix in {".py", ".sql"})
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    return f"{digest}_{NOON:%Y%m}"  # the partitions are the month's


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that test processes side by side do one thing once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
