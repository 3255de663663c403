"""Payment intents and setup intents, with every field in Stripe's description. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

Obj = dict[str, Any]


def secret(ident: str) -> str:
    """A client secret, derived from the id."""
    return f"{ident}_secret_{hashlib.sha256(ident.encode()).hexdigest()[:24]}"


def payment_intent(ident: str, now: int, *, amount: int, currency: str, customer: str | None, **more: Any) -> Obj:
    """A payment not attempted yet. `more`: description, metadata, setup_future_usage, receipt_email."""
    return {
        **_intent(ident, now, customer),
        "object": "payment_intent",
        **_amounts(amount, currency),
        "canceled_at": None,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": {},
        "payment_method_options": {"card": {"installments": None, **_card_options()}},
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        **more,
    }


def setup_intent(ident: str, now: int, *, customer: str | None, metadata: Obj, description: str | None = None) -> Obj:
    """An intent to save a card for later."""
    return {
        **_intent(ident, now, customer),
        "object": "setup_intent",
        "description": description,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "mandate": None,
        "metadata": metadata,
        "payment_method_options": {"card": _card_options()},
        "single_use_mandate": None,
        "usage": "off_session",
    }


def _intent(ident: str, now: int, customer: str | None) -> Obj:
    """The fields common to both kinds of intent; no card is chosen yet."""
    return {
        "id": ident,
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": secret(ident),
        "created": now,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "livemode": False,
        "managed_payments": None,
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }


def _amounts(amount: int, currency: str) -> Obj:
    """The amount requested, none of it received yet, all of it ours."""
    return {
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application_fee_amount": None,
        "currency": currency,
        "transfer_data": None,
        "transfer_group": None,
    }


def _card_options() -> Obj:
    return {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
