"""Deliveries at the door, signed as Stripe signs."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient

from sandbox.standin import API_VERSION
from tests.factories import unique
from tests.standin import StandIn
from tests.today import NOON


def post(client: FlaskClient, body: bytes, *, secret: str = StandIn.secret, at: datetime | None = None) -> Any:
    """One delivery."""
    return client.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": sign(body, secret, at)})


def sign(body: bytes, secret: str = StandIn.secret, at: datetime | None = None) -> str:
    """The header of a delivery."""
    stamp = str(int((at or NOON).timestamp()))
    return f"t={stamp},v1={hmac.new(secret.encode(), stamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def event(type_: str = "plan.created", about: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An event that Stripe might send."""
    return {
        "id": f"evt_{unique('x').replace('-', '')}",
        "object": "event",
        "api_version": API_VERSION,
        "created": 1_795_262_400,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
        "data": {"object": about or {"id": "plan_1", "object": "plan"}},
        **more,
    }
