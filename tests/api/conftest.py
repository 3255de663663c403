"""The app with payments on, so that the calls which ask Stripe are tried like all others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.factory import create_app
from app.kit.clock import Clocks
from app.web.database import db
from tests.conftest import make_settings
from tests.pages import Browser
from tests.standin import StandIn


@pytest.fixture(scope="session")
def app(database: str, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """The whole app; its Stripe is the stand-in."""
    made = create_app(make_settings(database, **stripe_server.stripe_settings()), clocks)
    made.config["TESTING"] = False
    made.test_client_class = Browser
    yield made
    made.extensions["tollkeeper"].pool.close()
    with made.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def world(standin: StandIn) -> StandIn:
    """A fresh world at Stripe."""
    return standin
