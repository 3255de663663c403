"""Fulfils a paid checkout. Idempotent; called by the return page, the webhook handler and reconciliation.

Reads everything from Stripe first, under the org's lock with no transaction open, then writes it in one transaction.
Safe to run repeatedly, concurrently, in any order, and after the events of the same payment.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select

from app.kit.errors import Busy, NotFound
from app.payments.checkout_models import Checkout
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.mirrors.sync_checkout import find_checkout
from app.payments.payment_methods.default_payment_method import align_cards, retrieve_and_align_customer
from app.payments.trials.end_refused import end_refused_trial, list_refused
from app.stripe_gateway import Gateway, checkout, customers, payments, subscriptions
from app.stripe_gateway.errors import StripeAway
from app.stripe_gateway.types import CheckoutSession
from app.web.database import transaction

FulfilmentState = Literal["paid", "saved", "waiting", "open", "expired", "refused", "away"]
_NOT_FOUND = "There is no such checkout."


def fulfil_checkout(org_id: UUID, session_id: str, now: datetime) -> FulfilmentState:
    """Apply the current state of a checkout session to the org. Takes the org's lock; opens its own transactions.

    Returns: paid, the plan is in force; saved, the card is stored (purpose card); waiting, completed but the money has
    not arrived, or another process is fulfilling it; open, not paid yet or declined; expired; refused, there is no
    trial for this card, and nothing is charged; away, Stripe is unreachable, so retry. Raises `NotFound` when the
    session is not the org's, `Unavailable` (`payments_off`).
    """
    gw = get_gateway()
    try:
        with org_turn(gw, org_id):
            return apply_checkout_session(gw, org_id, retrieve_own_session(gw, org_id, session_id), now)
    except Busy:
        return "waiting"
    except StripeAway:
        return "away"


def apply_checkout_session(
    gw: Gateway, org_id: UUID, checkout_session: CheckoutSession, now: datetime
) -> FulfilmentState:
    """Apply a session just retrieved. The caller holds the org's lock. Raises `StripeAway`."""
    retrieved = retrieve_checkout(gw, org_id, checkout_session)
    with transaction() as session:
        retrieve.sync_retrieved(session, org_id, retrieved, now)
        refused = list_refused(session, org_id)
    for _, subscription_id in refused:
        end_refused_trial(gw, org_id, subscription_id, now)
    return "refused" if _is_refused(org_id, checkout_session) else _fulfilment_state(checkout_session)


def _is_refused(org_id: UUID, checkout_session: CheckoutSession) -> bool:
    with transaction() as session:
        row = find_checkout(session, org_id, checkout_session)
        return row is not None and row.trial_refused is not None


def retrieve_own_session(gw: Gateway, org_id: UUID, session_id: str) -> CheckoutSession:
    """Retrieve a session. The id comes from a URL and proves nothing, so another org's raises `NotFound` first."""
    with transaction() as session:
        owner = session.scalar(select(Checkout.org_id).where(Checkout.session_id == session_id))
    if owner is not None and owner != org_id:
        raise NotFound(_NOT_FOUND)
    return checkout.retrieve_session(gw, session_id)


def retrieve_checkout(gw: Gateway, org_id: UUID, checkout_session: CheckoutSession) -> Retrieved:
    """Retrieve the customer, subscription and invoice that a session created, before anything is written."""
    with transaction() as session:
        row = find_checkout(session, org_id, checkout_session)
        if row is None:
            raise NotFound(_NOT_FOUND)
        first = row.state != "completed"
    created = (
        _retrieve_created(gw, org_id, checkout_session, first=first)
        if checkout_session.status == "complete"
        else Retrieved()
    )
    return replace(created, checkout=checkout_session)


def _retrieve_created(gw: Gateway, org_id: UUID, checkout_session: CheckoutSession, *, first: bool) -> Retrieved:
    if checkout_session.customer_id is None:
        return Retrieved()
    if checkout_session.mode == "setup":
        return _use_saved_card(gw, org_id, checkout_session, checkout_session.customer_id) if first else Retrieved()
    customer = customers.retrieve(gw, checkout_session.customer_id)
    if checkout_session.subscription_id is None:
        return Retrieved(customer)
    subscription = subscriptions.retrieve(gw, checkout_session.subscription_id)
    customer, aligned = align_cards(gw, customer, (subscription,))
    paid = checkout_session.invoice_id or subscription.latest_invoice_id
    return Retrieved(customer, aligned, (retrieve.invoice_only(gw, paid),) if paid else ())


def _use_saved_card(gw: Gateway, org_id: UUID, checkout_session: CheckoutSession, customer_id: str) -> Retrieved:
    """Charge a saved card from now on, unless another was chosen since. Invoices would otherwise keep the old one."""
    setup_id = checkout_session.setup_intent_id
    setup = payments.retrieve_setup_intent(gw, setup_id) if setup_id else None
    saved = setup.card if setup is not None and setup.status == "succeeded" else None
    return retrieve_and_align_customer(gw, org_id, customer_id, saved=saved)


def _fulfilment_state(checkout_session: CheckoutSession) -> FulfilmentState:
    if checkout_session.status == "open":
        return "open"
    if checkout_session.status == "expired":
        return "expired"
    if checkout_session.mode == "setup":
        return "saved"
    return "waiting" if checkout_session.payment_status == "unpaid" else "paid"
