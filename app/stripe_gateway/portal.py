"""Stripe's customer portal, for changing the card."""

from __future__ import annotations

from app.stripe_gateway import reading
from app.stripe_gateway.gateway import Gateway, validate_id


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
