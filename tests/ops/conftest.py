"""An installation of its own: its queue and its periods are nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from app.kit.clock import Clocks, OffsetClock
from app.ops.clock.move import Patience
from tests.standin import StandIn
from tests.support.installation import opened
from tests.today import start_at

SHORT = 0.3


@pytest.fixture(scope="session")
def app(server: Path, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """Payments are on."""
    with opened(server, "moves", clocks, **stripe_server.stripe_settings()) as made:
        yield made


@pytest.fixture
def moving(app: Flask, clocks: Clocks, tmp_path: Path) -> Iterator[OffsetClock]:
    """The clock that a sandbox has, in an app that knows no Stripe."""
    held = app.extensions["tollkeeper"]
    clock = OffsetClock(tmp_path / "clock")
    start_at(clock.path)
    settings = replace(held.settings, stripe_secret_key="")
    app.extensions["tollkeeper"] = replace(held, clocks=replace(clocks, business=clock), settings=settings)
    yield clock
    app.extensions["tollkeeper"] = held


@pytest.fixture
def impatient(app: Flask) -> Iterator[None]:
    """For a clock that is to stop: what does not become quiet is waited for a moment only."""
    patience = app.extensions["tollkeeper"].shared(Patience)
    patience.seconds = SHORT
    yield
    patience.seconds = Patience.seconds
