"""One card for all invoices: the one that was chosen last.

Checkout gives a subscription a card of its own, which goes before its customer's. Stripe's portal, and a checkout that
only saves a card, change the customer's: renewals would go on being charged to the old one. So a first payment makes
its card the customer's too, and from then on a card of the customer's that differs is the newer.

To set a card twice is to set it once, so each call has a key of its own: under a fixed one Stripe would replay a
failure of its own (500) for a day.
"""

from __future__ import annotations

from app.kit.ids import new_hex
from app.stripe_gateway import Gateway, customers, subscriptions
from app.stripe_gateway.types import Customer, RemoteSubscription


def set_default_payment_method(gw: Gateway, customer_id: str, card_id: str) -> Customer:
    """Have the customer's invoices charged to this card; returns the customer as it is then."""
    return customers.set_default_card(gw, customer_id, card_id, key=f"choose-card-{new_hex()}")


def copy_subscription_card_to_customer(gw: Gateway, customer: Customer, subscription: RemoteSubscription) -> Customer:
    """Have the customer keep the card that its new subscription was paid with; returns the customer as it is then."""
    own = subscription.card
    if own is None or customer.deleted or (customer.card is not None and customer.card.id == own.id):
        return customer
    return set_default_payment_method(gw, customer.id, own.id)


def copy_customer_card_to_subscription(
    gw: Gateway, customer: Customer, subscription: RemoteSubscription
) -> RemoteSubscription:
    """Have the subscription charge the card that its customer chose; as it is when there is nothing to change."""
    chosen, own = customer.card, subscription.card
    if chosen is None or own is None or chosen.id == own.id or subscription.ended_at is not None:
        return subscription
    return subscriptions.set_default_card(gw, subscription.id, chosen.id, key=f"use-card-{new_hex()}")
