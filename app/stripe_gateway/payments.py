"""Payment intents, setup intents, cards and refunds: read only."""

from __future__ import annotations

from app.stripe_gateway import money_shapes, reading, shapes
from app.stripe_gateway.errors import StripeMissing
from app.stripe_gateway.gateway import Gateway, known
from app.stripe_gateway.types import Card, Intent, Refund, SetupIntent


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


def card(gw: Gateway, payment_method_id: str) -> Card | None:
    """A payment method; None when there is none of this id."""
    try:
        known(payment_method_id)
        return shapes.card(gw.get(lambda v1: v1.payment_methods.retrieve(payment_method_id)))
    except StripeMissing:
        return None


def refund(gw: Gateway, refund_id: str) -> Refund:
    """A refund as it is now: it can fail after it succeeded. Raises `StripeMissing`."""
    known(refund_id)
    return money_shapes.refund(gw.get(lambda v1: v1.refunds.retrieve(refund_id)))


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
