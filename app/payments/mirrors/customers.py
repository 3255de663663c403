"""The Stripe customer that an org is billed as."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.payments import queries
from app.payments.mirrors.sync_customer import sync_customer
from app.payments.models import StripeCustomer
from app.stripe_gateway import Gateway, customers
from app.stripe_gateway.errors import StripeMissing
from app.web.database import transaction

_KEY_WINDOW = 600  # seconds


def ensure_customer(gw: Gateway, org_id: UUID, now: datetime) -> str:
    """Return the id of the org's customer, creating and mirroring one if needed. The caller holds the org's lock.

    A crash in between creates no second one, because the retry uses the same key. Raises `StripeAway`; then nothing was
    written.
    """
    with transaction() as session:
        mirror = queries.find_customer(session, org_id)
        if mirror is not None:
            return mirror.id
        name, email = _billing_contact(session, org_id)
        key = _key(session, org_id, name, email, now)
    created = customers.create(gw, org_id=org_id, email=email, name=name, key=key)
    with transaction() as session:
        sync_customer(session, org_id, created, now).listed_at = now  # it has nothing yet
    return created.id


def resync_customer(gw: Gateway, org_id: UUID, now: datetime) -> str | None:
    """Sync the org's customer, marking it deleted if Stripe no longer has it; returns its id unless it is gone.

    After a deletion the next payment creates another.
    """
    with transaction() as session:
        mirror = queries.find_customer(session, org_id)
        customer_id = mirror.id if mirror else None
    if customer_id is None:
        return None
    try:
        remote = customers.retrieve(gw, customer_id)
    except StripeMissing:
        remote = None
    with transaction() as session:
        if remote is not None:
            sync_customer(session, org_id, remote, now)
        else:
            session.get_one(StripeCustomer, customer_id).deleted_at = now
    return customer_id if remote is not None and not remote.deleted else None


def _billing_contact(session: Session, org_id: UUID) -> tuple[str, str | None]:
    """The org's name and the address for Stripe's receipts: a billing member's, else an owner's."""
    for role in ("billing", "owner"):
        people = sorted(accounts.list_members_with_role(session, org_id, role), key=lambda user: user.created_at)
        if people:
            return accounts.get_org(session, org_id).name, people[0].email
    return accounts.get_org(session, org_id).name, None


def _key(session: Session, org_id: UUID, name: str, email: str | None, now: datetime) -> str:
    """The idempotency key for creating the customer; constant for ten minutes, so a retry after a crash finds it.

    It changes once a customer was deleted or our name or address changed. It also changes with time, because Stripe
    replays its own failures under a key for a day, and that must not keep an org from paying.
    """
    earlier = session.scalar(select(func.count()).where(StripeCustomer.org_id == org_id)) or 0
    contact = hashlib.sha256(f"{name}\n{email}".encode()).hexdigest()[:16]
    return f"customer-{org_id}-{earlier}-{contact}-{int(now.timestamp()) // _KEY_WINDOW}"
