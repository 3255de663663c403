"""The mirror of a customer: written with what was just retrieved, under the org's lock."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.payments import queries
from app.payments.errors import NotOurs
from app.payments.models import StripeCustomer
from app.stripe_gateway.types import Card, Customer


def sync_customer(session: Session, org_id: UUID, found: Customer, now: datetime) -> StripeCustomer:
    """Write the customer down as Stripe has it. A deleted one stays deleted.

    Where a subscription runs that has a card of its own, sync that one after this: its invoices go to its card.
    Raises `NotOurs` when the customer is another org's, or the org has another one already.
    """
    mirror = session.get(StripeCustomer, found.id) or _first(session, org_id, found, now)
    if mirror.org_id != org_id:
        raise NotOurs(f"Customer {found.id} belongs to another organisation.")
    mirror.synced_at = now
    if found.deleted:
        mirror.deleted_at = mirror.deleted_at or now
        mirror.email = None
        set_card(mirror, None)
    elif mirror.deleted_at is None:
        mirror.email, mirror.delinquent = found.email, found.delinquent
        set_card(mirror, found.card)
    session.flush()
    return mirror


def set_card(mirror: StripeCustomer, card: Card | None) -> None:
    """Keep which card the org's invoices are charged to."""
    mirror.card_id = card.id if card else None
    mirror.card_brand = card.brand if card else None
    mirror.card_last4 = card.last4 if card else None
    mirror.card_exp_month = card.exp_month if card else None
    mirror.card_exp_year = card.exp_year if card else None


def _first(session: Session, org_id: UUID, found: Customer, now: datetime) -> StripeCustomer:
    if found.org_id not in {None, org_id}:
        raise NotOurs(f"Customer {found.id} names another organisation.")
    other = queries.find_customer(session, org_id)
    if other is not None and not found.deleted:
        raise NotOurs(f"The organisation is customer {other.id} already; {found.id} is a second one.")
    mirror = StripeCustomer(id=found.id, org_id=org_id, delinquent=False, created_at=found.created_at or now)
    session.add(mirror)
    return mirror
