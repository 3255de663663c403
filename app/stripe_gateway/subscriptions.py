"""Subscriptions, as Stripe has them now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import parse_subscription
from app.stripe_gateway.types import RemoteSubscription

_CARD = "default_payment_method"


def retrieve(gw: Gateway, subscription_id: str) -> RemoteSubscription:
    """A subscription in any state, ended ones too. Raises `StripeMissing`."""
    validate_id(subscription_id)
    return parse_subscription(gw.get(lambda v1: v1.subscriptions.retrieve(subscription_id, {"expand": [_CARD]})))


def list_for_customer(gw: Gateway, customer_id: str) -> list[RemoteSubscription]:
    """All subscriptions of a customer, ended ones too, newest first."""
    return [parse_subscription(raw) for raw in _list(gw, {"customer": validate_id(customer_id)})]


def list_all(gw: Gateway) -> Iterator[RemoteSubscription]:
    """Every subscription, ended ones too, newest first; asked for page by page."""
    for raw in _list(gw, {}):
        yield parse_subscription(raw)


def set_cancel_at_period_end(gw: Gateway, subscription_id: str, yes: bool, *, key: str) -> RemoteSubscription:
    """Let it end with its period, or go on after all."""
    validate_id(subscription_id)
    return parse_subscription(
        gw.post(
            key,
            lambda v1, options: v1.subscriptions.update(
                subscription_id, {"cancel_at_period_end": yes, "expand": [_CARD]}, options
            ),
        )
    )


def set_default_card(gw: Gateway, subscription_id: str, card_id: str, *, key: str) -> RemoteSubscription:
    """Charge it to this card from now on. Its own card (Checkout gives it one) goes before its customer's."""
    validate_id(subscription_id)
    return parse_subscription(
        gw.post(
            key,
            lambda v1, options: v1.subscriptions.update(
                subscription_id, {"default_payment_method": card_id, "expand": [_CARD]}, options
            ),
        )
    )


def _list(gw: Gateway, which: Mapping[str, object]) -> Iterator[Raw]:
    params = {**which, "status": "all", "expand": [f"data.{_CARD}"]}
    return gw.pages(lambda v1, asked: v1.subscriptions.list(asked), params)
