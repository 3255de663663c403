"""Apps of a test's own: with its own settings, on its own database, with the shipped catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask

from app.catalog.apply import apply_catalog
from app.catalog.schemas import read_catalog
from app.factory import create_app
from app.kit.actor import SYSTEM
from app.kit.clock import Clocks
from app.metering.partitions import ensure_partitions
from app.settings import PROJECT
from app.web.database import db, transaction
from tests.pages import Browser
from tests.support.database import own_database
from tests.support.settings import make_settings

CATALOGUE = "catalogs/scan_api.toml"


@contextmanager
def opened(server: Path, word: str, clocks: Clocks, **settings: Any) -> Iterator[Flask]:
    """An app on a database of its own, with catalogue and partitions; taken down at the end."""
    with own_database(server, word) as url, app_on(url, clocks, **settings) as made:
        furnish(made, clocks.business.now())
        yield made


@contextmanager
def app_on(database: str, clocks: Clocks, **settings: Any) -> Iterator[Flask]:
    """The whole app, as the factory makes it; closed at the end."""
    made = create_app(make_settings(database, **settings), clocks)
    made.config["TESTING"] = False
    made.test_client_class = Browser
    try:
        yield made
    finally:
        made.extensions["tollkeeper"].pool.close()
        with made.app_context():
            db.engine.dispose()


def furnish(app: Flask, now: datetime) -> None:
    """Apply the catalogue and make the partitions of a year."""
    with app.app_context():
        text = (PROJECT / CATALOGUE).read_text(encoding="utf-8")
        with transaction() as session:
            apply_catalog(session, read_catalog(text, CATALOGUE), actor=SYSTEM, now=now)
        ensure_partitions(back=13)
