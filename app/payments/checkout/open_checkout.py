"""Sending people to Stripe's payment page: one open checkout for each org and purpose.

The row stands before Stripe is asked, and its id is the key of the call: whatever breaks in between, the repeat finds
the same page. An older checkout for another choice is expired at Stripe before a new one is opened, so that only one
can be paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.kit.actor import Actor
from app.kit.errors import Conflict, Unavailable
from app.payments import queries
from app.payments.checkout.attempts import CheckoutAttempt, close_attempt, load_attempt, record_attempt
from app.payments.checkout.fulfil import apply_checkout_session
from app.payments.checkout.request import AlreadyPaid, CheckoutRequest, ensure_no_running_plan, select_price
from app.payments.checkout.sessions import expire_session, find_session, open_session
from app.payments.gateway import get_gateway
from app.payments.locks import org_lock
from app.payments.mirrors.customers import sync_missing_customer
from app.payments.mirrors.sync_checkout import sync_checkout
from app.stripe_gateway import Gateway
from app.stripe_gateway.errors import StripeDenied, StripeMissing, StripeMisused, StripeRefused
from app.stripe_gateway.types import CheckoutSession
from app.web.database import transaction

__all__ = ["AlreadyPaid", "OpenedCheckout", "open_card_setup", "open_checkout"]

_NOT_NOW = "This plan cannot be paid for at the moment. Nothing was charged; write to us."
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenedCheckout:
    """Where to pay. The URL is a credential: redirect to it, never store or log it."""

    url: str
    checkout_id: UUID


def open_checkout(
    org_id: UUID, *, plan_key: str, interval: str, currency: str, actor: Actor, now: datetime
) -> OpenedCheckout:
    """Open Stripe's payment page for a first paid plan. Repeating it gives the same page; another choice replaces it.

    Opens its own transactions: call it outside of any. Raises `NotFound` (no such plan), `InvalidRequest` (no such
    price), `AlreadyPaid` (just this runs, or was paid meanwhile: then it is given now), `Conflict` (another paid plan
    runs), `Unavailable` (Stripe away, payments off; safe to repeat).
    """
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        with transaction() as session:
            sold = select_price(session, org_id, plan_key, interval, currency)
            ensure_no_running_plan(session, org_id, sold)
        return _open(gw, org_id, CheckoutRequest("subscription", currency, sold), actor, now)


def open_card_setup(org_id: UUID, *, currency: str, actor: Actor, now: datetime) -> OpenedCheckout:
    """Open Stripe's page to keep a card for invoices to come. Raises as `open_checkout` does."""
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        return _open(gw, org_id, CheckoutRequest("card", currency), actor, now)


def _open(gw: Gateway, org_id: UUID, choice: CheckoutRequest, actor: Actor, now: datetime) -> OpenedCheckout:
    with transaction() as session:
        row = queries.find_open_checkout(session, org_id, choice.purpose)
        older = load_attempt(session, row) if row else None
    if older is not None:
        found = _settle(gw, older, choice, now)
        if found is not None:
            return _opened(found, older.id)
    visit = record_attempt(org_id, choice, older, actor, now)
    try:
        found = _start(gw, visit, now)
    except StripeMissing:  # the customer
        sync_missing_customer(gw, org_id, now)
        visit = record_attempt(org_id, choice, None, actor, now)
        found = _start(gw, visit, now)
    return _opened(found, visit.id)


def _settle(gw: Gateway, older: CheckoutAttempt, choice: CheckoutRequest, now: datetime) -> CheckoutSession | None:
    """What becomes of the checkout that is open in our books: its page when it can be used on, else None.

    Not closed here when it was replaced: that happens together with the new row. Raises `AlreadyPaid` (the same
    choice), `Conflict` (another one was paid, or the money is on its way).
    """
    found = find_session(gw, older, now)
    if found is not None and found.status == "open" and older.choice != choice:
        found = expire_session(gw, found)
        if found.status == "expired":
            return None
    if found is None:
        close_attempt(older, "failed", "Stripe has no page for it.", now)
        return None
    if found.status != "complete":
        with transaction() as session:
            sync_checkout(session, older.org_id, found, now)
        return found if found.status == "open" else None
    if apply_checkout_session(gw, older.org_id, found, now) == "waiting":
        raise Conflict("Your payment is on its way; we mail you when it has arrived. Nothing was charged again.")
    if older.choice != choice:
        raise Conflict("What you chose before was paid meanwhile, and it is yours now. Nothing was charged again.")
    raise AlreadyPaid("This was paid already, and it is yours now. Nothing was charged again.")


def _start(gw: Gateway, visit: CheckoutAttempt, now: datetime) -> CheckoutSession:
    """Stripe's page for a row that stands. What Stripe refuses closes the row, so that a repeat begins anew."""
    try:
        found = open_session(gw, visit, now)
    except StripeDenied:
        raise
    except (StripeMissing, StripeMisused, StripeRefused, Conflict) as refused:
        close_attempt(visit, "failed", refused.detail, now)
        if isinstance(refused, StripeMissing) and refused.param != "customer":
            log.warning("a price is not at Stripe: run flask catalog push", checkout=str(visit.id))
            raise Unavailable(_NOT_NOW) from refused
        raise
    with transaction() as session:
        sync_checkout(session, visit.org_id, found, now)
    return found


def _opened(found: CheckoutSession, checkout_id: UUID) -> OpenedCheckout:
    if found.url is None:
        raise Unavailable("Stripe has no page for this payment at the moment. Nothing was charged; try again.")
    return OpenedCheckout(found.url, checkout_id)
