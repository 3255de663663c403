"""Customers: one for each org that pays."""

from __future__ import annotations

from uuid import UUID

from app.stripe_gateway.errors import StripeMisused
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.shapes import ORG, parse_customer
from app.stripe_gateway.types import Customer

_CARD = "invoice_settings.default_payment_method"


def create(gw: Gateway, *, org_id: UUID, email: str | None, name: str, key: str) -> Customer:
    """Make the customer of an org; without an address its receipts go to nobody."""
    return parse_customer(
        gw.post(
            key,
            lambda v1, options: v1.customers.create(
                {
                    **({} if email is None else {"email": email}),
                    "name": name,
                    "metadata": {ORG: str(org_id)},
                    "expand": [_CARD],
                },
                options,
            ),
        )
    )


def retrieve(gw: Gateway, customer_id: str) -> Customer:
    """A customer with its card; one that was deleted comes as such. Raises `StripeMissing`."""
    validate_id(customer_id)
    try:
        return parse_customer(gw.get(lambda v1: v1.customers.retrieve(customer_id, {"expand": [_CARD]})))
    except StripeMisused as misused:
        if misused.param != "expand":
            raise
    # A deleted one has nothing that could be expanded.
    return parse_customer(gw.get(lambda v1: v1.customers.retrieve(customer_id)))


def set_default_card(gw: Gateway, customer_id: str, card_id: str, *, key: str) -> Customer:
    """Charge its invoices to this card from now on, but those of a subscription that has a card of its own."""
    validate_id(customer_id)
    return parse_customer(
        gw.post(
            key,
            lambda v1, options: v1.customers.update(
                customer_id, {"invoice_settings": {"default_payment_method": card_id}, "expand": [_CARD]}, options
            ),
        )
    )
