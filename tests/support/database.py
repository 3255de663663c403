"""Databases for tests: a template that the migrations build once, and copies of it."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from flask import Flask
from flask_migrate import Migrate, upgrade

from app.kit.clock import Clocks
from app.kit.postgres.pool import HotPool
from app.settings import PROJECT
from app.web.database import db
from app.web.runtime import Runtime
from sandbox.postgres import server as postgres
from tests.support import roles
from tests.support.settings import make_settings
from tests.today import NOON, WRITTEN, FixedClock


@contextmanager
def own_database(server: Path, word: str) -> Iterator[str]:
    """The address of a migrated, empty database that nobody else uses."""
    name = create_database(server, word)
    try:
        yield postgres.url(server, name)
    finally:
        drop_database(server, name)


@contextmanager
def bare_database(server: Path) -> Iterator[str]:
    """The address of a database without any migration that nobody else uses."""
    name = f"bare_{uuid4().hex[:8]}"
    run_as_admin(server, f"CREATE DATABASE {name}")
    try:
        yield postgres.url(server, name)
    finally:
        drop_database(server, name)


def create_database(server: Path, word: str) -> str:
    """Copy the template; returns the new database's name, which begins with `word`."""
    name, template = f"{word}_{uuid4().hex[:8]}", f"template_{template_digest()}"
    with file_lock(server.parent / "template.lock"):
        build_template(server, template)
        run_as_admin(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def copy_database(server: Path, name: str, to: str) -> None:
    """Copy a database that nobody is connected to, rights and all: a dump, or its restoration."""
    run_as_admin(server, f"CREATE DATABASE {to} TEMPLATE {name}")


def drop_database(server: Path, name: str) -> None:
    """Drop a database, whoever is still connected."""
    run_as_admin(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def build_template(server: Path, name: str) -> None:
    """Migrate a template, unless it is there. Hold the template's lock."""
    exists = "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate"
    with psycopg.connect(postgres.url(server, "postgres"), autocommit=True) as connection:
        if connection.execute(exists, (name,)).fetchone():
            return
    run_as_admin(server, postgres.ROLES.read_text(encoding="utf-8"), roles.CREATE)
    run_as_admin(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    with migrator(postgres.url(server, name)).app_context():
        upgrade()  # makes the partitions around the real day
    with psycopg.connect(postgres.url(server, name)) as connection:
        for day in (WRITTEN, NOON):
            connection.execute("SELECT usage_partitions(%s, 2, 3)", (day,))
    run_as_admin(server, f"ALTER DATABASE {name} WITH IS_TEMPLATE true")


def migrator(database: str) -> Flask:
    """Just enough of an app to run the migrations: a broken view must not look like a broken schema."""
    bare = Flask("migrator")
    bare.config["SQLALCHEMY_DATABASE_URI"] = database.replace("postgresql://", "postgresql+psycopg://", 1)
    clocks = Clocks(business=FixedClock(NOON), wall=FixedClock(NOON))
    bare.extensions["tollkeeper"] = Runtime(make_settings(database), clocks, HotPool(database, 1), NOON)
    db.init_app(bare)
    Migrate(bare, db, directory=str(PROJECT / "migrations"))
    return bare


def run_as_admin(server: Path, *statements: str) -> None:
    """Run statements outside a transaction, in the cluster's own database."""
    with psycopg.connect(postgres.url(server, "postgres"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def template_digest() -> str:
    """Names the template that today's migrations build."""
    files = sorted(path for path in (PROJECT / "migrations").rglob("*") if path.suffix in {".py", ".sql"})
    made_of = [*(path.read_bytes() for path in files), roles.CREATE.encode()]
    digest = hashlib.sha256(b"".join(made_of)).hexdigest()[:12]
    return f"{digest}_{NOON:%Y%m}"  # the partitions are the month's


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock file, so that test processes side by side do one thing once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
