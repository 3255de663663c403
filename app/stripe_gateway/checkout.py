"""Stripe's hosted pages: Checkout sessions, and the customer portal for changing the card."""

from __future__ import annotations

from uuid import UUID

from stripe.params.checkout import SessionCreateParams

from app.stripe_gateway import reading
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
    trial_days: int | None = None,
) -> CheckoutSession:
    """Open a session: `subscription` with a price, or `setup` with a currency, to save a card.

    A trial asks for a card, too; if there is none at its end, the subscription is cancelled.

    Stripe does not copy metadata to the objects a session creates, so we set it on both.
    """
    metadata = {ORG: str(org_id), CHECKOUT: str(checkout_id)}
    params: SessionCreateParams = {
        "customer": customer_id,
        "client_reference_id": str(org_id),
        "metadata": metadata,
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    if mode == "subscription" and price_id is not None:
        params["mode"] = "subscription"
        params["line_items"] = [{"price": price_id, "quantity": 1}]
        params["subscription_data"] = {"metadata": metadata}
        if trial_days is not None:
            params["subscription_data"]["trial_period_days"] = trial_days
            params["subscription_data"]["trial_settings"] = {"end_behavior": {"missing_payment_method": "cancel"}}
        params["allow_promotion_codes"] = True
    elif mode == "setup" and currency is not None:
        params["mode"] = "setup"
        params["currency"] = currency.lower()
        params["setup_intent_data"] = {"metadata": metadata}
    else:
        raise ValueError("mode subscription needs a price, mode setup needs a currency, and there is no other mode")
    return parse_checkout_session(gw.post(key, lambda v1, options: v1.checkout.sessions.create(params, options)))


def retrieve_session(gw: Gateway, session_id: str) -> CheckoutSession:
    """Retrieve a session. Knowing its id proves nothing: compare its customer. Raises `StripeMissing`."""
    validate_id(session_id)
    return parse_checkout_session(gw.get(lambda v1: v1.checkout.sessions.retrieve(session_id)))


def expire_session(gw: Gateway, session_id: str, *, key: str) -> CheckoutSession:
    """Expire an open session so that it can no longer be paid; returns a closed one as it is."""
    validate_id(session_id)
    try:
        return parse_checkout_session(
            gw.post(key, lambda v1, options: v1.checkout.sessions.expire(session_id, options=options))
        )
    except StripeMisused:
        current = retrieve_session(gw, session_id)
        if current.status == "open":
            raise
        return current


def list_sessions(gw: Gateway, customer_id: str, status: str | None = None) -> list[CheckoutSession]:
    """List a customer's sessions, newest first; only those of a status ("open") if it is given."""
    params = {"customer": validate_id(customer_id), **({"status": status} if status else {})}
    sessions = gw.pages(lambda v1, page: v1.checkout.sessions.list(page), params)
    return [parse_checkout_session(raw) for raw in sessions]


def open_portal(gw: Gateway, customer_id: str, return_url: str, *, key: str) -> str:
    """Open a page where the customer changes the card and then returns to `return_url`; returns its address.

    For a few minutes the address acts as the customer's credential: open one per click, never store or log it.
    """
    validate_id(customer_id)
    session = gw.post(
        key,
        lambda v1, options: v1.billing_portal.sessions.create(
            {
                "customer": customer_id,
                "return_url": return_url,
                "flow_data": {
                    "type": "payment_method_update",
                    "after_completion": {"type": "redirect", "redirect": {"return_url": return_url}},
                },
            },
            options,
        ),
    )
    return reading.text(reading.ensure_kind(session, "billing_portal.session"), "url")
