"""The fixture, for every room; which app it plays on is the room's own."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.payments.gateway import EXTENSION, build_gateway
from tests.scenario import queue
from tests.scenario.scenario import Scenario
from tests.standin import StandIn
from tests.today import FixedClock


@pytest.fixture
def scenario(request: pytest.FixtureRequest, app: Flask, session: Session, clock: FixedClock) -> Scenario:
    """A story on the room's app; where its Stripe is the stand-in, that is a fresh world."""
    return begin(request, app, session, clock)


def begin(
    request: pytest.FixtureRequest, app: Flask, session: Session, clock: FixedClock, opening: datetime | None = None
) -> Scenario:
    """A story on an app, whose orgs open at a moment, or when they are made."""

    def connect() -> StandIn:
        found: StandIn = request.getfixturevalue("standin")
        return found

    made = Scenario(app, clock, session, connect, opening)
    settings = app.extensions["tollkeeper"].settings
    if settings.stripe_secret_key:
        app.extensions[EXTENSION] = build_gateway(settings)  # which remembers no failure of a test before
        queue.drop(app, "payments.apply")
        assert made.stripe
    return made
