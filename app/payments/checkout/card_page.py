"""Opens Stripe's page for giving a card: the customer portal to change it, Checkout to save the first one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.catch_up import catch_up
from app.payments.checkout.open_checkout import open_card_setup
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.mirrors.customers import ensure_customer, resync_customer
from app.stripe_gateway import Gateway, checkout
from app.stripe_gateway.errors import StripeMissing
from app.subscriptions import queries as subscriptions
from app.web.addresses import absolute_url
from app.web.database import transaction
from app.web.runtime import runtime


def open_card_page(org_id: UUID, *, actor: Actor, now: datetime) -> str:
    """Open Stripe's page for giving or changing the card. Its URL is a credential: redirect to it, never store it.

    Opens its own transactions. Raises `Unavailable` (Stripe away, payments off), and `Conflict` as `open_card_setup`.
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        catch_up(gw, org_id, runtime().started_at, now)
        with transaction() as session:
            customer = queries.find_customer(session, org_id)
            has_card, currency = customer is not None and customer.card_id is not None, _find_currency(session, org_id)
        # What Checkout saves becomes the card to charge; the portal only changes one that is there.
        url = _change_card(gw, org_id, now) if has_card else _save_card(org_id, currency, actor, now)
        with transaction() as session:
            audit(session, actor, "card.page_opened", on=("org", org_id), org_id=org_id, now=now)
    return url


def _find_currency(session: Session, org_id: UUID) -> str:
    """The currency that the org pays in; before its first payment any will do."""
    current = subscriptions.find_subscription(session, org_id)
    paid_in = current.currency if current is not None else None
    return paid_in or accounts.get_org(session, org_id).currency or "USD"


def _save_card(org_id: UUID, currency: str, actor: Actor, now: datetime) -> str:
    return open_card_setup(org_id, currency=currency, actor=actor, now=now).url


def _change_card(gw: Gateway, org_id: UUID, now: datetime) -> str:
    try:
        return _open_portal(gw, org_id, now)
    except StripeMissing:
        resync_customer(gw, org_id, now)
        return _open_portal(gw, org_id, now)


def _open_portal(gw: Gateway, org_id: UUID, now: datetime) -> str:
    customer_id = ensure_customer(gw, org_id, now)
    # Every click needs its own page: a replayed one would have expired.
    return checkout.open_portal(gw, customer_id, absolute_url("billing.index"), key=f"portal-{new_hex()}")
