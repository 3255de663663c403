"""Installations with the shipped catalogue, which pages show whole: without Stripe, and paying at the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kit.clock import Clock, Clocks
from app.web.database import db
from tests.factories import utc
from tests.scenario import Scenario
from tests.scenario.fixtures import begin
from tests.standin import StandIn
from tests.support.installation import opened
from tests.support.roles import BY_HAND
from tests.today import WRITTEN, FixedClock

OPENING = utc("2026-11-01 00:00")


@pytest.fixture(scope="session")
def written() -> Clocks:
    """The two clocks of days that are written out."""
    return Clocks(business=FixedClock(WRITTEN), wall=FixedClock(WRITTEN))


@pytest.fixture(scope="session")
def clocks(written: Clocks) -> Clocks:
    """These, for every installation here."""
    return written


@pytest.fixture
def clock(clocks: Clocks) -> Iterator[FixedClock]:
    """The business clock, at noon of 21 November 2026 unless the test moves it."""
    with _at_noon(clocks.business) as standing:
        yield standing


@pytest.fixture
def wall(clocks: Clocks) -> Iterator[FixedClock]:
    """The wall clock, likewise."""
    with _at_noon(clocks.wall) as standing:
        yield standing


@contextmanager
def _at_noon(clock: Clock) -> Iterator[FixedClock]:
    assert isinstance(clock, FixedClock)
    clock.at = WRITTEN
    yield clock
    clock.at = WRITTEN


@pytest.fixture(scope="session")
def app(server: Path, clocks: Clocks) -> Iterator[Flask]:
    """Payments are off."""
    with opened(server, "portal", clocks) as made:
        yield made


@pytest.fixture(scope="session")
def paid_app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """Payments are on."""
    with opened(server, "paid", clocks, **stripe_server.stripe_settings()) as made:
        yield made


@pytest.fixture
def scenario(request: pytest.FixtureRequest, app: Flask, session: Session, clock: FixedClock) -> Scenario:
    """A story in November, whose orgs are there since its first day."""
    return begin(request, app, session, clock, OPENING)


@pytest.fixture
def paid(request: pytest.FixtureRequest, paid_app: Flask, clock: FixedClock) -> Iterator[Scenario]:
    """The same with payments on, in a fresh world of Stripe's."""
    with paid_app.app_context():
        with db.engine.begin() as connection:
            connection.execute(BY_HAND)
            connection.execute(text("TRUNCATE stripe_prices CASCADE"))
        yield begin(request, paid_app, db.session(), clock, OPENING)
        db.session.remove()
