"""The app with payments on, so that the calls which ask Stripe are tried like all others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, exists

from app.kit.clock import Clocks
from app.payments.models import StripePrice, StripeSubscription
from app.web.database import transaction
from tests.standin import StandIn
from tests.support.installation import app_on


@pytest.fixture(scope="session")
def app(database: str, clocks: Clocks, stripe_server: StandIn) -> Iterator[Flask]:
    """The whole app; its Stripe is the stand-in."""
    with app_on(database, clocks, **stripe_server.stripe_settings()) as made:
        yield made


@pytest.fixture(autouse=True)
def world(app: Flask, standin: StandIn) -> StandIn:
    """A fresh world at Stripe, where the prices of an earlier one are not; nothing is subscribed to them."""
    with app.app_context(), transaction() as session:
        session.execute(delete(StripePrice).where(~exists().where(StripeSubscription.price_id == StripePrice.id)))
    return standin
