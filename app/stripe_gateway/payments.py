"""Payment intents, setup intents and refunds: read only."""

from __future__ import annotations

from app.stripe_gateway import money_shapes, reading
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.types import Intent, Refund, SetupIntent


def retrieve_intent(gw: Gateway, payment_intent: str) -> Intent:
    """A payment with the card that was tried last. Raises `StripeMissing`."""
    validate_id(payment_intent)
    return money_shapes.parse_intent(
        gw.get(lambda v1: v1.payment_intents.retrieve(payment_intent, {"expand": ["payment_method"]}))
    )


def retrieve_setup_intent(gw: Gateway, setup_intent_id: str) -> SetupIntent:
    """The saving of a card. Raises `StripeMissing`."""
    validate_id(setup_intent_id)
    return money_shapes.parse_setup_intent(gw.get(lambda v1: v1.setup_intents.retrieve(setup_intent_id)))


def list_refunds(gw: Gateway, payment_intent: str) -> list[Refund]:
    """All refunds of a payment, failed ones too, newest first."""
    found = gw.pages(lambda v1, params: v1.refunds.list(params), {"payment_intent": validate_id(payment_intent)})
    return [money_shapes.parse_refund(raw) for raw in found]


def find_invoice_id(gw: Gateway, payment_intent: str) -> str | None:
    """The invoice that a payment is for; None for one that is for none."""
    paying = {"type": "payment_intent", "payment_intent": validate_id(payment_intent)}
    for raw in gw.pages(lambda v1, params: v1.invoice_payments.list(params), {"payment": paying}):
        return reading.object_id(raw, "invoice")
    return None
