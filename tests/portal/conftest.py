"""The stage of the customer's and the staff's pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.kit.clock import Clocks, FixedClock
from app.payments.gateway import EXTENSION
from app.stripe_gateway import Gateway
from app.web.database import db
from tests.portal.stage import Stage, opened_stage
from tests.standin import StandIn
from tests.today import WRITTEN


@pytest.fixture(scope="session")
def portal_stage(server: Path) -> Iterator[Stage]:
    """One for all of these tests."""
    clocks = Clocks(business=FixedClock(WRITTEN), wall=FixedClock(WRITTEN))
    with opened_stage(server, "portal", clocks) as stage:
        yield stage


@pytest.fixture
def stage(portal_stage: Stage) -> Iterator[Stage]:
    """The stage at noon of 21 November 2026."""
    portal_stage.clock.at = WRITTEN
    yield portal_stage
    portal_stage.clock.at = WRITTEN


@pytest.fixture(scope="session")
def paid_stage(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Stage]:
    """One with payments on, whose Stripe is the stand-in."""
    with opened_stage(server, "paid", clocks, **stripe_server.stripe_settings()) as stage:
        yield stage


@pytest.fixture
def paid(paid_stage: Stage, standin: StandIn) -> Stage:
    """The same with a fresh world at the stand-in and nothing remembered of the one before."""
    standin.deliver_to(paid_stage.app.test_client())
    paid_stage.app.extensions[EXTENSION] = Gateway.from_settings(paid_stage.app.extensions["tollkeeper"].settings)
    with paid_stage.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("TRUNCATE stripe_prices CASCADE"))
    return paid_stage
