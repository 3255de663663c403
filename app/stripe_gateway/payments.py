"""Payment intents, setup intents and refunds: read only."""

from __future__ import annotations

from app.stripe_gateway import money_shapes, reading
from app.stripe_gateway.gateway import Gateway, known
from app.stripe_gateway.types import Intent, Refund, SetupIntent


def intent(gw: Gateway, payment_intent: str) -> Intent:
    """A payment with the card that was tried last. Raises `StripeMissing`."""
    known(payment_intent)
    return money_shapes.intent(
        gw.get(lambda v1: v1.payment_intents.retrieve(payment_intent, {"expand": ["payment_method"]}))
    )


def setup_intent(gw: Gateway, setup_intent_id: str) -> SetupIntent:
    """The saving of a card. Raises `StripeMissing`."""
    known(setup_intent_id)
    return money_shapes.setup_intent(gw.get(lambda v1: v1.setup_intents.retrieve(setup_intent_id)))


def refunds_of(gw: Gateway, payment_intent: str) -> list[Refund]:
    """All refunds of a payment, failed ones too, newest first."""
    found = gw.pages(lambda v1, params: v1.refunds.list(params), {"payment_intent": known(payment_intent)})
    return [money_shapes.refund(raw) for raw in found]


def invoice_of(gw: Gateway, payment_intent: str) -> str | None:
    """The invoice that a payment is for; None for one that is for none."""
    paying = {"type": "payment_intent", "payment_intent": known(payment_intent)}
    for raw in gw.pages(lambda v1, params: v1.invoice_payments.list(params), {"payment": paying}):
        return reading.id_of(raw, "invoice")
    return None
