"""Giving what a checkout paid for: the same act for the return page, the webhook and reconciliation.

Everything is asked of Stripe first, under the org's lock and with no transaction open; then one transaction writes it
all. It may run twice, at once, in any order, and after the events of the same payment: it gives once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select

from app.kit.errors import NotFound
from app.payments.errors import Busy
from app.payments.gateway import get_gateway
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.mirrors.sync_checkout import find_checkout
from app.payments.models import Checkout
from app.payments.payment_methods.default_payment_method import (
    copy_customer_card_to_subscription,
    copy_subscription_card_to_customer,
    set_default_payment_method,
)
from app.stripe_gateway import Gateway, checkout, customers, payments, subscriptions
from app.stripe_gateway.errors import StripeAway
from app.stripe_gateway.types import CheckoutSession
from app.web.database import transaction

FulfilmentState = Literal["paid", "saved", "waiting", "open", "expired", "away"]
_NOT_YOURS = "There is no such checkout."


def fulfil_checkout(org_id: UUID, session_id: str, now: datetime) -> FulfilmentState:
    """Bring the org in line with what Stripe says of a checkout session. Takes the org's lock; opens transactions.

    paid: the plan is given. saved: the card is kept (purpose card). waiting: completed, the money is on its way, or
    another process is at it. open: not paid (yet, or declined). expired. away: Stripe cannot be asked, ask again.
    Raises `NotFound` when the session is not the org's, `Unavailable` (`payments_off`).
    """
    gw = get_gateway()
    try:
        with gw.budget(), org_lock(org_id):
            return apply_checkout_session(gw, org_id, retrieve_own_session(gw, org_id, session_id), now)
    except Busy:
        return "waiting"
    except StripeAway:
        return "away"


def apply_checkout_session(gw: Gateway, org_id: UUID, found: CheckoutSession, now: datetime) -> FulfilmentState:
    """Apply a session that was retrieved just now. The caller holds the org's lock; `StripeAway` goes up to it."""
    retrieved = retrieve_checkout(gw, org_id, found)
    with transaction() as session:
        retrieve.sync_retrieved(session, org_id, retrieved, now)
    return _state(found)


def retrieve_own_session(gw: Gateway, org_id: UUID, session_id: str) -> CheckoutSession:
    """A session as Stripe has it now. An address is no proof: another org's is `NotFound` before Stripe is asked."""
    with transaction() as session:
        owner = session.scalar(select(Checkout.org_id).where(Checkout.session_id == session_id))
    if owner is not None and owner != org_id:
        raise NotFound(_NOT_YOURS)
    return checkout.retrieve_session(gw, session_id)


def retrieve_checkout(gw: Gateway, org_id: UUID, found: CheckoutSession) -> Retrieved:
    """A session and the objects that it has led to, each as it is now, read before anything is written."""
    with transaction() as session:
        row = find_checkout(session, org_id, found)
        if row is None:
            raise NotFound(_NOT_YOURS)
        first = row.state != "completed"
    led_to = _led_to(gw, found, first=first) if found.status == "complete" else Retrieved()
    return replace(led_to, checkout=found)


def _led_to(gw: Gateway, found: CheckoutSession, *, first: bool) -> Retrieved:
    if found.customer_id is None:
        return Retrieved()
    if found.mode == "setup":
        return _keep_card(gw, found, found.customer_id) if first else Retrieved()
    customer = customers.retrieve(gw, found.customer_id)
    if found.subscription_id is None:
        return Retrieved(customer)
    subscription = subscriptions.retrieve(gw, found.subscription_id)
    if first:
        customer = copy_subscription_card_to_customer(gw, customer, subscription)
    paid = found.invoice_id or subscription.latest_invoice_id
    return Retrieved(customer, (subscription,), (retrieve.invoice_only(gw, paid),) if paid else ())


def _keep_card(gw: Gateway, found: CheckoutSession, customer_id: str) -> Retrieved:
    """A card that was saved becomes the one that invoices are charged to; else they went on using the old one.

    Once: whoever hears of it again, days later, must not bring it back over one that was chosen since.
    """
    setup = payments.retrieve_setup_intent(gw, found.setup_intent_id) if found.setup_intent_id else None
    if setup is None or setup.status != "succeeded" or setup.payment_method_id is None:
        return Retrieved(customers.retrieve(gw, customer_id))
    customer = set_default_payment_method(gw, customer_id, setup.payment_method_id)
    running = [each for each in subscriptions.list_for_customer(gw, customer_id) if each.ended_at is None]
    return Retrieved(customer, tuple(copy_customer_card_to_subscription(gw, customer, each) for each in running))


def _state(found: CheckoutSession) -> FulfilmentState:
    if found.status == "open":
        return "open"
    if found.status == "expired":
        return "expired"
    if found.mode == "setup":
        return "saved"
    return "waiting" if found.payment_status == "unpaid" else "paid"
