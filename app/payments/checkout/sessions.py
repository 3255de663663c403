"""A checkout's session at Stripe: opened under the row's own key, found again whatever broke, expired."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.kit.errors import Conflict
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.checkout.attempts import CheckoutAttempt
from app.payments.mirrors.customers import ensure_customer
from app.payments.price_push.push import ensure_price
from app.stripe_gateway import Gateway, checkout
from app.stripe_gateway.errors import StripeAway, StripeDenied, StripeKeyReused, StripeMissing, StripeMisused
from app.stripe_gateway.types import CheckoutSession
from app.web.addresses import absolute_url
from app.web.database import transaction

_MODES = {"subscription": "subscription", "card": "setup"}
_KEY_LIVES = timedelta(hours=23)
"""Stripe forgets a key after 24 hours; one hour is kept from that edge."""
_ON_ITS_WAY = timedelta(minutes=2)
"""How long a call whose answer never came may still be doing its work."""


def open_session(gw: Gateway, visit: CheckoutAttempt, now: datetime) -> CheckoutSession:
    """Open the session of a checkout, or get the one that an earlier try has opened. The caller holds the lock."""
    choice = visit.choice
    customer_id = ensure_customer(gw, visit.org_id, now)
    price_id = ensure_price(gw, choice.sold, now) if choice.sold else None
    back = absolute_url("billing.come_back", checkout=visit.id)
    upgrade = absolute_url("billing.upgrade", key=choice.sold.plan_key, left=1) if choice.sold else None
    return checkout.open_session(
        gw,
        mode=_MODES[choice.purpose],
        customer_id=customer_id,
        checkout_id=visit.id,
        org_id=visit.org_id,
        price_id=price_id,
        currency=None if price_id else choice.currency,
        success_url=f"{back}&session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=upgrade or absolute_url("billing.index"),
        key=f"checkout-{visit.id}",
    )


def find_session(gw: Gateway, visit: CheckoutAttempt, now: datetime) -> CheckoutSession | None:
    """The session that was opened for a checkout, also when the answer that named it never came; None without one.

    While Stripe remembers the key, asking again under it either finds the session or makes it: only then is it known
    for certain that no other appears later. After that, and when Stripe goes on failing under that key (it replays
    its own 500 for a day), the customer's sessions are looked through.
    """
    away = None
    try:
        if visit.session_id is not None:
            return checkout.retrieve_session(gw, visit.session_id)
        if now - visit.opened_at < _KEY_LIVES:
            return open_session(gw, visit, now)
    except StripeAway as failed:
        away = failed
        if visit.session_id is not None or not failed.sent:
            raise
    except StripeKeyReused:
        pass  # asked in other words then (the portal's address has changed, say): look for what came of it
    except StripeDenied:
        raise
    except (StripeMissing, StripeMisused, Conflict):  # a price that cannot be paid: no page was ever opened for it
        return None
    found = _listed(gw, visit)
    if found is None and away is not None and now - visit.opened_at < _ON_ITS_WAY:
        raise away  # the first try may still be at work there
    return found


def _listed(gw: Gateway, visit: CheckoutAttempt) -> CheckoutSession | None:
    with transaction() as session:
        customer = queries.find_customer(session, visit.org_id)
        customer_id = customer.id if customer else None
    if customer_id is None:
        return None
    found = checkout.list_sessions(gw, customer_id)
    return next((each for each in found if each.checkout_id == visit.id), None)


def expire_session(gw: Gateway, found: CheckoutSession) -> CheckoutSession:
    """Make an open session one that nobody can pay; when it was paid or expired meanwhile, that is what comes back."""
    return checkout.expire_session(gw, found.id, key=f"expire-{new_hex()}")
