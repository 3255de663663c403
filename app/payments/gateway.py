"""Access to the Stripe gateway that the factory builds from the settings; absent when payments are off."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app

from app.kit.errors import Unavailable
from app.settings import Settings
from app.stripe_gateway import Gateway
from app.web.database import mark_sent

EXTENSION = "tollkeeper.stripe"
KEY_LIFETIME = timedelta(hours=23)
"""Stripe forgets an idempotency key after 24 hours; we stay an hour clear of that."""
IN_FLIGHT = timedelta(minutes=2)
"""How long the first call under a key may still be running at Stripe."""


def build_gateway(settings: Settings) -> Gateway | None:
    """Build the app's gateway, whose calls note that something was sent; None when payments are off."""
    return Gateway.from_settings(settings, before_call=mark_sent)


def get_gateway() -> Gateway:
    """Get the app's gateway; raises `Unavailable` (`payments_off`) when no Stripe key is set."""
    current: Gateway | None = current_app.extensions.get(EXTENSION)
    if current is None:
        raise Unavailable(
            "Payments are not switched on for this installation. Nothing was charged. Contact us to change plans.",
            code="payments_off",
        )
    return current


def payments_on() -> bool:
    """Whether a Stripe key is set."""
    return current_app.extensions.get(EXTENSION) is not None
