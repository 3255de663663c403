"""An installation whose Stripe is the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.kit.clock import Clocks
from tests.standin import StandIn
from tests.support.installation import app_on


@pytest.fixture(scope="session")
def app(database: str, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """The app with payments on."""
    with app_on(database, clocks, **stripe_server.stripe_settings()) as made:
        yield made
