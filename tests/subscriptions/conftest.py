"""A database of this room's own, since these tests say what the default plan is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.catalog import queries as catalog
from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.kit.ids import new_id
from app.kit.postgres.pool import HotPool
from app.web.database import db as web_db
from app.web.runtime import Runtime
from tests.support.database import own_database
from tests.support.roles import as_app
from tests.support.settings import make_settings
from tests.today import FixedClock

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

CATALOG = """
[meters.calls]
name = "Calls"
unit = "call"
aggregation = "sum"

[meters.pages]
name = "Pages"
unit = "page"
aggregation = "sum"

[features]
formats = "Formats"

[plans.free]
name = "Free"
summary = "Free."
default = true
prices.USD = { month = "0", year = "0" }
limits = { jobs_at_once = 1, file_bytes = "1 MB", requests_per_minute = 60, retention_days = 30 }
features.formats = ["json"]
meters.calls = { allowance = 100, policy = "charge", hard_limit = 500, per_day = 20 }
meters.pages = { allowance = 5, policy = "warn" }
[[plans.free.charges]]
key = "calls"
meter = "calls"
currency = "USD"
model = "per_unit"
unit_amount = "0.01"

[plans.pro]
name = "Pro"
summary = "Pro."
prices.USD = { month = "49.00", year = "490.00" }
prices.EUR = { month = "46.00" }
limits = { jobs_at_once = 5, file_bytes = "5 MB", requests_per_minute = 600, retention_days = 365 }
features.formats = ["json", "xlsx"]
meters.calls = { allowance = 1000, policy = "charge", hard_limit = 5000 }
[[plans.pro.charges]]
key = "calls"
meter = "calls"
currency = "USD"
model = "per_unit"
unit_amount = "0.01"
[[plans.pro.charges]]
key = "calls"
meter = "calls"
currency = "EUR"
model = "per_unit"
unit_amount = "0.01"

[plans.business]
name = "Business"
summary = "Business."
prices.USD = { month = "99.00" }
limits = { jobs_at_once = 50, file_bytes = "unlimited", requests_per_minute = "unlimited", retention_days = 365 }
features.formats = ["json", "xlsx", "pdf"]
meters.calls = { allowance = "unlimited" }
"""


@pytest.fixture(scope="module")
def engine(server: Path) -> Iterator[Engine]:
    """A migrated database with this room's catalogue."""
    with own_database(server, "subscriptions") as url:
        made = create_engine(as_app(url).replace("postgresql://", "postgresql+psycopg://", 1), pool_size=20)
        with Session(made) as session:
            apply_catalog(session, read_catalog(CATALOG, "x.toml"), actor=SYSTEM, now=NOW)
            session.commit()
        yield made
        made.dispose()


@pytest.fixture
def business() -> FixedClock:
    """The business clock of `worker`."""
    return FixedClock(NOW)


@pytest.fixture
def worker(engine: Engine, business: FixedClock) -> Iterator[Flask]:
    """As much of an app as a task needs, on this room's database."""
    address = engine.url.render_as_string(hide_password=False)
    bare = Flask("worker")
    bare.config["SQLALCHEMY_DATABASE_URI"] = address
    plain = address.replace("+psycopg", "")
    bare.extensions["tollkeeper"] = Runtime(
        make_settings(plain), Clocks(business, business), HotPool(plain, 1), business.now()
    )
    web_db.init_app(bare)
    with bare.app_context():
        yield bare
        web_db.session.remove()
        web_db.engine.dispose()


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    """A session of its own."""
    with Session(engine) as session:
        yield session


@pytest.fixture
def make_org(engine: Engine) -> Callable[..., UUID]:
    """Commit a new org; returns its id."""

    def made(zone: str = "UTC") -> UUID:
        org = Org(id=new_id(), name="Org", time_zone=zone, created_at=NOW)
        with Session(engine) as session, session.begin():
            session.add(org)
            return org.id

    return made


@pytest.fixture
def plan(db: Session) -> Callable[[str], UUID]:
    """The id of the newest version of a plan."""

    def found(key: str) -> UUID:
        version = catalog.find_newest_version(db, key)
        assert version is not None
        return version.id

    return found
