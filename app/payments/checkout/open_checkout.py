"""Opens Stripe's payment page: one open checkout per org and purpose.

The row is committed before the call to Stripe and its id is the idempotency key, so a retry after any failure gets the
same page. An older checkout for a different request is expired at Stripe first, so only one can be paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.kit.actor import Actor
from app.kit.errors import Conflict, DomainError, Unavailable
from app.payments import queries
from app.payments.catch_up import catch_up
from app.payments.checkout.attempts import CheckoutAttempt, close_attempt, load_attempt, record_attempt
from app.payments.checkout.fulfil import apply_checkout_session
from app.payments.checkout.request import (
    AlreadyPaid,
    CheckoutRequest,
    ensure_no_running_plan,
    find_trial_days,
    select_price,
)
from app.payments.checkout.sessions import expire_session, find_session, open_session
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.mirrors.customers import resync_customer
from app.payments.mirrors.sync_checkout import sync_checkout
from app.stripe_gateway import Gateway
from app.stripe_gateway.errors import StripeDenied, StripeMissing, StripeMisused, StripeRefused
from app.stripe_gateway.types import CheckoutSession
from app.web.database import transaction
from app.web.runtime import runtime

__all__ = ["AlreadyPaid", "OpenedCheckout", "open_card_setup", "open_checkout"]

_CANNOT_PAY = "This plan cannot be purchased at the moment. Nothing was charged. Please contact us."
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenedCheckout:
    """The payment page. Its URL is a credential: redirect to it, never store or log it."""

    url: str
    checkout_id: UUID


def open_checkout(
    org_id: UUID, *, plan_key: str, interval: str, currency: str, actor: Actor, now: datetime
) -> OpenedCheckout:
    """Open the payment page for a first paid plan. Repeating it returns the same page; another choice replaces it.

    Opens its own transactions: call it outside any. Raises `NotFound` (no such plan), `InvalidRequest` (no such
    price), `AlreadyPaid` (this plan is running, or was paid meanwhile and has now been fulfilled), `Conflict` (another
    paid plan is running), `Unavailable` (Stripe away, payments off; safe to repeat).
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            price = select_price(session, org_id, plan_key, interval, currency)
        catch_up(gw, org_id, runtime().started_at, now)
        with transaction() as session:
            ensure_no_running_plan(session, org_id, price)
            trial_days = find_trial_days(session, org_id, price)
        return _open(gw, org_id, CheckoutRequest("subscription", currency, price, trial_days), actor, now)


def open_card_setup(org_id: UUID, *, currency: str, actor: Actor, now: datetime) -> OpenedCheckout:
    """Open Stripe's page for saving a card for future invoices. Raises as `open_checkout` does."""
    gw = get_gateway()
    with org_turn(gw, org_id):
        catch_up(gw, org_id, runtime().started_at, now)
        return _open(gw, org_id, CheckoutRequest("card", currency), actor, now)


def _open(gw: Gateway, org_id: UUID, request: CheckoutRequest, actor: Actor, now: datetime) -> OpenedCheckout:
    with transaction() as session:
        row = queries.find_open_checkout(session, org_id, request.purpose)
        older = load_attempt(session, row) if row else None
    if older is not None:
        checkout_session = _resume(gw, older, request, now)
        if checkout_session is not None:
            return _opened(checkout_session, older.id)
    attempt = record_attempt(org_id, request, older, actor, now)
    try:
        checkout_session = _open_attempt(gw, attempt, now)
    except StripeMissing:  # the customer
        resync_customer(gw, org_id, now)
        attempt = record_attempt(org_id, request, None, actor, now)
        checkout_session = _open_attempt(gw, attempt, now)
    return _opened(checkout_session, attempt.id)


def _resume(gw: Gateway, older: CheckoutAttempt, request: CheckoutRequest, now: datetime) -> CheckoutSession | None:
    """Return the session of the open checkout if it can still be used, else None.

    Nobody can pay on a page whose customer was deleted at Stripe. A replaced checkout stays open here: it is closed
    together with the new row. Raises `AlreadyPaid` (the same
    request), `Conflict` (another one was paid, or the money is on its way).
    """
    checkout_session = find_session(gw, older, now)
    if (
        checkout_session is not None
        and checkout_session.status == "open"
        and (older.request != request or checkout_session.customer_id != resync_customer(gw, older.org_id, now))
    ):
        checkout_session = expire_session(gw, checkout_session)
        if checkout_session.status == "expired":
            return None
    if checkout_session is None:
        close_attempt(older, "failed", "Stripe has no session for this checkout.", now)
        return None
    if checkout_session.status != "complete":
        with transaction() as session:
            sync_checkout(session, older.org_id, checkout_session, now)
        return checkout_session if checkout_session.status == "open" else None
    state = apply_checkout_session(gw, older.org_id, checkout_session, now)
    if state == "refused":
        raise Conflict("This card has had its free trial. Nothing was charged. You can pay for the plan now.")
    if state == "waiting":
        raise Conflict(
            "Your payment is being processed. We will email you when it completes. You were not charged again."
        )
    if older.request.purpose == "card":
        return None  # saved meanwhile, and asked for again
    if older.request != request:
        raise Conflict("Your earlier checkout has been paid and is now active. You were not charged again.")
    raise AlreadyPaid("This has already been paid and is now active. You were not charged again.")


def _open_attempt(gw: Gateway, attempt: CheckoutAttempt, now: datetime) -> CheckoutSession:
    """Open the session of a stored checkout. A refusal by Stripe closes the row, so that a retry starts a new one."""
    try:
        checkout_session = open_session(gw, attempt, now)
    except StripeDenied:
        raise
    except (StripeMissing, StripeMisused, StripeRefused, Conflict) as refused:
        close_attempt(attempt, "failed", refused.detail, now)
        if _is_price(refused):
            log.warning("price missing or archived at Stripe; run flask catalog push", checkout=str(attempt.id))
            raise Unavailable(_CANNOT_PAY) from refused
        raise
    with transaction() as session:
        sync_checkout(session, attempt.org_id, checkout_session, now)
    return checkout_session


def _is_price(refused: DomainError) -> bool:
    """Whether Stripe has no such price, or one that was archived there."""
    if isinstance(refused, StripeMissing):
        return refused.param != "customer"
    return isinstance(refused, StripeMisused) and (refused.param or "").startswith("line_items")


def _opened(checkout_session: CheckoutSession, checkout_id: UUID) -> OpenedCheckout:
    if checkout_session.url is None:
        raise Unavailable("The payment page is not available at the moment. Nothing was charged. Please try again.")
    return OpenedCheckout(checkout_session.url, checkout_id)
