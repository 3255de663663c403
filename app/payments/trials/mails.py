"""Emails about trials: one that was refused, and one that ends soon."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.money import exponent, to_major
from app.notifications.service import notify
from app.payments import queries
from app.payments.checkout_models import Checkout
from app.payments.models import StripeCustomer, StripeSubscription
from app.web.addresses import absolute_url
from app.web.filters import estimate, payment_method


def queue_refused(session: Session, checkout: Checkout, known: str, now: datetime) -> None:
    """Say that there is no trial, what is known, and that the plan can be had without one. One per checkout."""
    if checkout.plan_version_id is None or checkout.amount is None or checkout.currency is None:
        raise ValueError("a checkout for a card has no trial")
    plan = catalog.find_plan_of_version(session, checkout.plan_version_id)
    if plan is None:
        raise ValueError(f"no plan version {checkout.plan_version_id}")
    facts = {
        "plan": f"the {plan.name} plan",
        "known": known,
        "price": _format_price(checkout.amount, checkout.currency, checkout.interval or "month"),
        "link": absolute_url("billing.upgrade", key=plan.key),
    }
    notify(session, checkout.org_id, "trial_refused", facts, key=str(checkout.id), now=now)


def queue_ending(session: Session, mirror: StripeSubscription, now: datetime) -> None:
    """Say when a trial ends and what happens then: what is charged to which card, or Free without one.

    One per end: a trial that was lengthened is told of again.
    """
    price = queries.find_price(session, mirror.price_id)
    plan = catalog.find_plan_of_version(session, price.plan_version_id) if price else None
    if price is None or plan is None or mirror.trial_ends_at is None:
        return
    customer, free = session.get(StripeCustomer, mirror.customer_id), catalog.find_default_version(session)
    facts = {
        "plan": f"the {plan.name} plan",
        "free": f"the {free.plan.name} plan" if free else "the default plan",
        "at": mirror.trial_ends_at,
        "price": _format_price(price.amount, price.currency, price.interval),
        "card": _describe_card(customer),
    }
    key = f"{mirror.id}:{mirror.trial_ends_at.isoformat()}"
    notify(session, mirror.org_id, "trial_ending", facts, key=key, now=now)


def _describe_card(customer: StripeCustomer | None) -> str | None:
    if customer is None or customer.card_id is None:
        return None
    return payment_method(customer.card_brand, customer.card_last4, " ending in ") or None


def _format_price(minor: int, currency: str, interval: str) -> str:
    return f"{estimate(to_major(minor, exponent(currency)), currency)} a {interval}"
