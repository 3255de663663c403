"""Checkout sessions: visits to Stripe's own payment page."""

from __future__ import annotations

from uuid import UUID

from stripe.params.checkout import SessionCreateParams

from app.stripe_gateway.errors import StripeMisused
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.shapes import CHECKOUT, ORG, parse_checkout_session
from app.stripe_gateway.types import CheckoutSession


def open_session(
    gw: Gateway,
    *,
    mode: str,
    customer_id: str,
    checkout_id: UUID,
    org_id: UUID,
    price_id: str | None,
    currency: str | None,
    success_url: str,
    cancel_url: str,
    key: str,
) -> CheckoutSession:
    """Open a session: `subscription` with a price, `setup` with a currency, to save a card.

    Stripe hands metadata down to nothing by itself, so ours stands on the session and on what it will make.
    """
    marks = {ORG: str(org_id), CHECKOUT: str(checkout_id)}
    params: SessionCreateParams = {
        "customer": customer_id,
        "client_reference_id": str(org_id),
        "metadata": marks,
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    if mode == "subscription" and price_id is not None:
        params["mode"] = "subscription"
        params["line_items"] = [{"price": price_id, "quantity": 1}]
        params["subscription_data"] = {"metadata": marks}
        params["allow_promotion_codes"] = True
    elif mode == "setup" and currency is not None:
        params["mode"] = "setup"
        params["currency"] = currency.lower()
        params["setup_intent_data"] = {"metadata": marks}
    else:
        raise ValueError("a subscription needs a price, saving a card needs a currency, and there is no other mode")
    return parse_checkout_session(gw.post(key, lambda v1, options: v1.checkout.sessions.create(params, options)))


def retrieve_session(gw: Gateway, session_id: str) -> CheckoutSession:
    """A session as it is now. Its id proves nothing: compare its customer with the caller's. Raises `StripeMissing`."""
    validate_id(session_id)
    return parse_checkout_session(gw.get(lambda v1: v1.checkout.sessions.retrieve(session_id)))


def expire_session(gw: Gateway, session_id: str, *, key: str) -> CheckoutSession:
    """Close an open session, so that nobody pays in it any more; one that is over already comes as it is."""
    validate_id(session_id)
    try:
        return parse_checkout_session(
            gw.post(key, lambda v1, options: v1.checkout.sessions.expire(session_id, options=options))
        )
    except StripeMisused:
        now = retrieve_session(gw, session_id)
        if now.status == "open":
            raise
        return now


def list_sessions(gw: Gateway, customer_id: str) -> list[CheckoutSession]:
    """The sessions of a customer, newest first."""
    found = gw.pages(lambda v1, params: v1.checkout.sessions.list(params), {"customer": validate_id(customer_id)})
    return [parse_checkout_session(raw) for raw in found]
