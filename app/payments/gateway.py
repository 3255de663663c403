"""The way to Stripe that the factory made from the settings; none when payments are off."""

from __future__ import annotations

from flask import current_app

from app.kit.errors import Unavailable
from app.stripe_gateway import Gateway

EXTENSION = "tollkeeper.stripe"


def get_gateway() -> Gateway:
    """The app's gateway; raises `Unavailable` (`payments_off`) when no Stripe key is set."""
    held: Gateway | None = current_app.extensions.get(EXTENSION)
    if held is None:
        raise Unavailable(
            "Payments are not switched on in this installation. Nothing was charged; write to us to change your plan.",
            code="payments_off",
        )
    return held


def payments_on() -> bool:
    """Whether a Stripe key is set."""
    return current_app.extensions.get(EXTENSION) is not None
