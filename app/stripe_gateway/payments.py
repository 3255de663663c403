"""Payment intents, setup intents and refunds, which are only read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.stripe_gateway import money_shapes, reading
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.types import Intent, Refund, SetupIntent

LOST = frozenset({"failed", "canceled"})


def retrieve_intent(gw: Gateway, payment_intent: str) -> Intent:
    """Retrieve a payment intent with the card tried last. Raises `StripeMissing`."""
    validate_id(payment_intent)
    return money_shapes.parse_intent(
        gw.get(lambda v1: v1.payment_intents.retrieve(payment_intent, {"expand": ["payment_method"]}))
    )


def retrieve_setup_intent(gw: Gateway, setup_intent_id: str) -> SetupIntent:
    """Retrieve a setup intent with the card that it saved. Raises `StripeMissing`."""
    validate_id(setup_intent_id)
    return money_shapes.parse_setup_intent(
        gw.get(lambda v1: v1.setup_intents.retrieve(setup_intent_id, {"expand": ["payment_method"]}))
    )


def list_refunds(gw: Gateway, payment_intent: str) -> list[Refund]:
    """List all refunds of a payment, including failed ones, newest first."""
    refunds = gw.pages(lambda v1, params: v1.refunds.list(params), {"payment_intent": validate_id(payment_intent)})
    return [money_shapes.parse_refund(raw) for raw in refunds]


def retrieve_refund(gw: Gateway, refund_id: str) -> Refund:
    """Retrieve a refund. Raises `StripeMissing`."""
    validate_id(refund_id)
    return money_shapes.parse_refund(gw.get(lambda v1: v1.refunds.retrieve(refund_id)))


def list_all_refunds(gw: Gateway, created_from: datetime) -> Iterator[Refund]:
    """List every refund created since, newest first; fetched page by page."""
    params = {"created": {"gte": int(created_from.timestamp())}}
    for raw in gw.pages(lambda v1, page: v1.refunds.list(page), params):
        yield money_shapes.parse_refund(raw)


def find_invoice_id(gw: Gateway, payment_intent: str) -> str | None:
    """Find the invoice of a payment; None if it has none."""
    payment = {"type": "payment_intent", "payment_intent": validate_id(payment_intent)}
    for raw in gw.pages(lambda v1, params: v1.invoice_payments.list(params), {"payment": payment}):
        return reading.object_id(raw, "invoice")
    return None
