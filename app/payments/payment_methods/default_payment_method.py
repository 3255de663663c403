"""Keeps the customer's default payment method in step with the card chosen last.

Checkout sets a card on the subscription, which takes precedence over the customer's. Stripe's portal, and a checkout
that only saves a card, change the customer's, so renewals would still charge the old one. Therefore a first payment
copies its card to the customer; from then on, a differing card on the customer is the newer one.

Setting a card is idempotent, so every call gets its own key: under a fixed key Stripe would replay its own failure
(500) for a day.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.kit.ids import new_hex
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.stripe_gateway import Gateway, customers, subscriptions
from app.stripe_gateway.types import Customer, RemoteSubscription


def set_default_payment_method(gw: Gateway, customer_id: str, card_id: str) -> Customer:
    """Charge the customer's invoices to this card; returns the updated customer."""
    return customers.set_default_card(gw, customer_id, card_id, key=f"choose-card-{new_hex()}")


def copy_subscription_card_to_customer(gw: Gateway, customer: Customer, subscription: RemoteSubscription) -> Customer:
    """Set the card of a new subscription as the customer's default; returns the customer, updated if need be."""
    own = subscription.card
    if own is None or customer.deleted or (customer.card is not None and customer.card.id == own.id):
        return customer
    return set_default_payment_method(gw, customer.id, own.id)


def copy_customer_card_to_subscription(
    gw: Gateway, customer: Customer, subscription: RemoteSubscription
) -> RemoteSubscription:
    """Charge the subscription to its customer's card; returns it unchanged if it has that card or has ended."""
    chosen, own = customer.card, subscription.card
    if chosen is None or own is None or chosen.id == own.id or subscription.ended_at is not None:
        return subscription
    return subscriptions.set_default_card(gw, subscription.id, chosen.id, key=f"use-card-{new_hex()}")


def retrieve_and_align_customer(gw: Gateway, org_id: UUID, customer_id: str) -> Retrieved:
    """Retrieve a customer and its running subscription, and switch the subscription to the customer's card."""
    retrieved = retrieve.customer(gw, org_id, customer_id)
    if retrieved.customer is None:
        return retrieved
    running = [copy_customer_card_to_subscription(gw, retrieved.customer, each) for each in retrieved.subscriptions]
    return replace(retrieved, subscriptions=tuple(running))
