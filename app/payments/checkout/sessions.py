"""A checkout's Stripe session: opens it under the row's idempotency key, finds it after a failure, expires it."""

from __future__ import annotations

from datetime import datetime

from app.kit.errors import Conflict
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.checkout.attempts import CheckoutAttempt
from app.payments.gateway import IN_FLIGHT, KEY_LIFETIME
from app.payments.mirrors.customers import ensure_customer
from app.payments.price_push.price_selection import PriceSelection
from app.payments.price_push.push import ensure_price
from app.stripe_gateway import Gateway, checkout
from app.stripe_gateway.errors import StripeAway, StripeDenied, StripeKeyReused, StripeMissing, StripeMisused
from app.stripe_gateway.types import CheckoutSession
from app.web.addresses import absolute_url
from app.web.database import transaction

_MODES = {"subscription": "subscription", "card": "setup"}


def open_session(gw: Gateway, attempt: CheckoutAttempt, now: datetime) -> CheckoutSession:
    """Open a checkout's session, or return the one that an earlier attempt opened. The caller holds the lock."""
    request = attempt.request
    customer_id = ensure_customer(gw, attempt.org_id, now)
    price_id = ensure_price(gw, request.price, now) if request.price else None
    return_url = absolute_url("billing.checkout_return", checkout=attempt.id)
    return checkout.open_session(
        gw,
        mode=_MODES[request.purpose],
        customer_id=customer_id,
        checkout_id=attempt.id,
        org_id=attempt.org_id,
        price_id=price_id,
        trial_days=request.trial_days,
        currency=None if price_id else request.currency,
        success_url=f"{return_url}&session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=_build_way_back(request.price),
        key=f"checkout-{attempt.id}",
    )


def _build_way_back(price: PriceSelection | None) -> str:
    """The page of what was being bought, at its interval and in its currency; for a card, that of billing."""
    if price is None:
        return absolute_url("billing.index")
    chosen = {"interval": price.interval, "currency": price.currency}
    return absolute_url("billing.upgrade", key=price.plan_key, **chosen, left=1)


def find_session(gw: Gateway, attempt: CheckoutAttempt, now: datetime) -> CheckoutSession | None:
    """Find the session opened for a checkout, even if the response naming it was lost; None if there is none.

    While Stripe remembers the idempotency key, repeating the call returns the session or creates it, which rules out
    one appearing later. After that, or when Stripe keeps failing under the key (it replays its own 500 for a day), we
    search the customer's sessions.
    """
    away = None
    try:
        if attempt.session_id is not None:
            return checkout.retrieve_session(gw, attempt.session_id)
        if now - attempt.opened_at < KEY_LIFETIME:
            return open_session(gw, attempt, now)
    except StripeAway as failed:
        away = failed
        if attempt.session_id is not None or not failed.sent:
            raise
    except StripeKeyReused:
        pass  # sent with other parameters then (our address has changed, say): search for the session
    except StripeDenied:
        raise
    except (StripeMissing, StripeMisused, Conflict):  # a price that cannot be paid, so no session was ever opened
        return None
    session = _search_sessions(gw, attempt)
    if session is None and away is not None and (not away.replayed or now - attempt.opened_at < IN_FLIGHT):
        raise away  # a call may still be running at Stripe
    return session


def _search_sessions(gw: Gateway, attempt: CheckoutAttempt) -> CheckoutSession | None:
    with transaction() as session:
        customer = queries.find_customer(session, attempt.org_id)
        customer_id = customer.id if customer else None
    if customer_id is None:
        return None
    sessions = checkout.list_sessions(gw, customer_id)
    return next((listed for listed in sessions if listed.checkout_id == attempt.id), None)


def expire_session(gw: Gateway, session: CheckoutSession) -> CheckoutSession:
    """Expire an open session. If it was paid or expired meanwhile, returns it in that state."""
    return checkout.expire_session(gw, session.id, key=f"expire-{new_hex()}")
