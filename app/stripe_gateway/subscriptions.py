"""Subscriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stripe.params import SubscriptionUpdateParams

from app.stripe_gateway.errors import StripeMissing
from app.stripe_gateway.gateway import Gateway, validate_id
from app.stripe_gateway.reading import Raw
from app.stripe_gateway.shapes import parse_subscription
from app.stripe_gateway.types import RemoteSubscription

_EXPANDED = ["default_payment_method", "discounts.source.coupon"]


def retrieve(gw: Gateway, subscription_id: str) -> RemoteSubscription:
    """Retrieve a subscription in any state, including ended. Raises `StripeMissing`."""
    validate_id(subscription_id)
    return parse_subscription(gw.get(lambda v1: v1.subscriptions.retrieve(subscription_id, {"expand": _EXPANDED})))


def list_for_customer(gw: Gateway, customer_id: str) -> list[RemoteSubscription]:
    """List all subscriptions of a customer, including ended ones, newest first."""
    return [parse_subscription(raw) for raw in _list(gw, {"customer": validate_id(customer_id)})]


def list_all(gw: Gateway) -> Iterator[RemoteSubscription]:
    """List every subscription, including ended ones, newest first; fetched page by page."""
    for raw in _list(gw, {}):
        yield parse_subscription(raw)


def cancel_at_period_end(gw: Gateway, subscription_id: str, *, key: str) -> RemoteSubscription:
    """End the subscription with its period."""
    return _update(gw, subscription_id, {"cancel_at_period_end": True}, key)


def clear_cancellation(gw: Gateway, subscription: RemoteSubscription, *, key: str) -> RemoteSubscription:
    """Undo a planned end, in the way in which it was planned: Stripe refuses the two parameters together."""
    planned_by_flag: SubscriptionUpdateParams = {"cancel_at_period_end": False}
    return _update(
        gw, subscription.id, planned_by_flag if subscription.cancel_at_period_end else {"cancel_at": ""}, key
    )


def resume(gw: Gateway, subscription_id: str, *, key: str) -> RemoteSubscription:
    """Resume a paused subscription with a new period from now. It stays paused until its first invoice is paid."""
    validate_id(subscription_id)
    return parse_subscription(
        gw.post(key, lambda v1, options: v1.subscriptions.resume(subscription_id, {"expand": _EXPANDED}, options))
    )


def cancel(gw: Gateway, subscription_id: str) -> RemoteSubscription:
    """End the subscription at once; nothing is refunded. One that has ended is returned as it is."""
    validate_id(subscription_id)
    try:
        return parse_subscription(gw.delete(lambda v1: v1.subscriptions.cancel(subscription_id, {"expand": _EXPANDED})))
    except StripeMissing:  # so Stripe answers for one that has ended, too
        return retrieve(gw, subscription_id)


def set_default_card(gw: Gateway, subscription_id: str, card_id: str, *, key: str) -> RemoteSubscription:
    """Charge the subscription to this card. Its own card, set by Checkout, takes precedence over its customer's."""
    return _update(gw, subscription_id, {"default_payment_method": card_id}, key)


def _update(gw: Gateway, subscription_id: str, changes: SubscriptionUpdateParams, key: str) -> RemoteSubscription:
    validate_id(subscription_id)
    params: SubscriptionUpdateParams = {**changes, "expand": _EXPANDED}
    return parse_subscription(
        gw.post(key, lambda v1, options: v1.subscriptions.update(subscription_id, params, options))
    )


def _list(gw: Gateway, filters: Mapping[str, object]) -> Iterator[Raw]:
    params = {**filters, "status": "all", "expand": [f"data.{path}" for path in _EXPANDED]}
    return gw.pages(lambda v1, page: v1.subscriptions.list(page), params)
