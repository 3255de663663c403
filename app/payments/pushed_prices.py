"""Reads of the prices that were pushed to Stripe, and of what is billed by none of them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.kit.postgres.together import ask
from app.payments.models import StripePrice, StripeSubscription
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions.sync_from_stripe import OVER


def find_price(session: Session, price_id: str) -> StripePrice | None:
    """Find a pushed price by its Stripe id."""
    return next(iter(ask(session, select_price(price_id))), None)


def select_price(price_id: str) -> Select[StripePrice]:
    """Select a pushed price by its Stripe id."""
    return select(StripePrice).where(StripePrice.id == price_id)


def find_prices(session: Session, ids: Collection[str]) -> dict[str, StripePrice]:
    """Find pushed prices by their Stripe ids."""
    if not ids:
        return {}
    return {price.id: price for price in session.scalars(select(StripePrice).where(StripePrice.id.in_(ids)))}


def find_own_terms(session: Session, billed: StripeSubscription | RemoteSubscription) -> str | None:
    """Say in what a subscription is not billed as one of our plans; None: it is, or it has ended.

    Such as "price price_1 matches no plan" or "quantity 3". The view `payments_prices_unknown` lists the same.
    """
    if billed.status in OVER:
        return None
    if find_price(session, billed.price_id) is None:
        return f"price {billed.price_id} matches no plan"
    if billed.item_count != 1:
        return f"{billed.item_count} items"
    return f"quantity {billed.quantity}" if billed.quantity != 1 else None


def find_version_price(session: Session, plan_version_id: UUID, interval: str, currency: str) -> StripePrice | None:
    """Find a plan version's price at Stripe; None before `flask catalog push`."""
    return next(iter(ask(session, select_version_price(plan_version_id, interval, currency))), None)


def select_version_price(plan_version_id: UUID, interval: str, currency: str) -> Select[StripePrice]:
    """Select a plan version's price at Stripe."""
    return select(StripePrice).where(
        StripePrice.plan_version_id == plan_version_id,
        StripePrice.interval == interval,
        StripePrice.currency == currency,
    )
