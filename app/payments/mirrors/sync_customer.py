"""Syncs the mirror of a customer from what was just retrieved, under the org's lock."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.payments import queries
from app.payments.errors import NotOurs
from app.payments.mirrors.retrieved import mark_retrieved
from app.payments.models import CustomerAttempt, StripeCustomer
from app.stripe_gateway.types import Card, Customer
from app.subscriptions.overage.models import CARD_REMOVED
from app.subscriptions.overage.switch import switch_off


def sync_customer(session: Session, org_id: UUID, remote: Customer, now: datetime) -> StripeCustomer:
    """Sync the customer. A deleted one stays deleted. Without a card, pay for overage is switched off.

    If a running subscription has its own card, sync it after this: its invoices are charged to that card. Raises
    `NotOurs` when the customer belongs to another org, or the org already has a different one.
    """
    mirror = session.get(StripeCustomer, remote.id) or _create_mirror(session, org_id, remote, now)
    if mirror.org_id != org_id:
        raise NotOurs(f"Customer {remote.id} belongs to another organisation.")
    mark_retrieved(mirror, now)
    had_card = mirror.card_id is not None
    if remote.deleted:
        mirror.deleted_at = mirror.deleted_at or now
        mirror.email = None
        set_card(mirror, None)
    elif mirror.deleted_at is None:
        mirror.email, mirror.delinquent, mirror.balance = remote.email, remote.delinquent, remote.balance
        set_card(mirror, remote.card)
    session.flush()
    if had_card and mirror.card_id is None:
        switch_off(session, org_id, CARD_REMOVED, actor=SYSTEM, now=now)
    return mirror


def set_card(mirror: StripeCustomer, card: Card | None) -> None:
    """Set the card that the org's invoices are charged to."""
    mirror.card_id = card.id if card else None
    mirror.card_brand = card.brand if card else None
    mirror.card_last4 = card.last4 if card else None
    mirror.card_exp_month = card.exp_month if card else None
    mirror.card_exp_year = card.exp_year if card else None


def _create_mirror(session: Session, org_id: UUID, remote: Customer, now: datetime) -> StripeCustomer:
    if remote.org_id not in {None, org_id}:
        raise NotOurs(f"Customer {remote.id} names another organisation.")
    other = queries.find_customer(session, org_id)
    if other is not None and not remote.deleted:
        raise NotOurs(f"The organisation is customer {other.id} already; {remote.id} is a second one.")
    mirror = StripeCustomer(id=remote.id, org_id=org_id, delinquent=False, created_at=remote.created_at or now)
    if not remote.deleted:
        close_attempt(session, org_id, now)
    session.add(mirror)
    return mirror


def close_attempt(session: Session, org_id: UUID, now: datetime) -> None:
    """Close the attempt to create the org's customer, if one is under way: its outcome is known."""
    under_way = update(CustomerAttempt).where(CustomerAttempt.org_id == org_id, CustomerAttempt.closed_at.is_(None))
    session.execute(under_way.values(closed_at=now))
