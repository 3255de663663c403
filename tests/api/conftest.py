"""The app with payments on, so that the calls which ask Stripe are tried like all others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, exists

from app.factory import create_app
from app.kit.clock import Clocks
from app.payments.models import StripePrice, StripeSubscription
from app.web.database import db, transaction
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
def world(app: Flask, standin: StandIn) -> StandIn:
    """A fresh world at Stripe, where the prices of an earlier one are not; nothing is subscribed to them."""
    with app.app_context(), transaction() as session:
        session.execute(delete(StripePrice).where(~exists().where(StripeSubscription.price_id == StripePrice.id)))
    return standin
