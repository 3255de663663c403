"""The customer at Stripe that an org is billed as."""

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

_SAME_KEY = 600  # seconds


def ensure_customer(gw: Gateway, org_id: UUID, now: datetime) -> str:
    """The id of the org's customer; made at Stripe and mirrored when there is none. The caller holds the org's lock.

    A crash between the two makes no second one: the key of the call is the same again. Raises what Stripe's absence
    raises; then nothing was written.
    """
    with transaction() as session:
        held = queries.find_customer(session, org_id)
        if held is not None:
            return held.id
        name, email = _billed(session, org_id)
        key = _key(session, org_id, name, email, now)
    made = customers.create(gw, org_id=org_id, email=email, name=name, key=key)
    with transaction() as session:
        sync_customer(session, org_id, made, now)
    return made.id


def sync_missing_customer(gw: Gateway, org_id: UUID, now: datetime) -> None:
    """Stripe does not know the org's customer any more: it was deleted there. The next payment makes another."""
    with transaction() as session:
        held = queries.find_customer(session, org_id)
        customer_id = held.id if held else None
    if customer_id is None:
        return
    try:
        found = customers.retrieve(gw, customer_id)
    except StripeMissing:
        found = None
    with transaction() as session:
        if found is not None:
            sync_customer(session, org_id, found, now)
        else:
            session.get_one(StripeCustomer, customer_id).deleted_at = now


def _billed(session: Session, org_id: UUID) -> tuple[str, str | None]:
    """The org's name, and the address that Stripe's receipts go to: who pays, else who owns."""
    for role in ("billing", "owner"):
        found = sorted(accounts.people_with_role(session, org_id, role), key=lambda each: each.created_at)
        if found:
            return accounts.org(session, org_id).name, found[0].email
    return accounts.org(session, org_id).name, None


def _key(session: Session, org_id: UUID, name: str, email: str | None, now: datetime) -> str:
    """The same for some minutes, so that a repeat after a crash finds the customer.

    Another customer may be made after one was deleted, or when what we say of it has changed since we asked; and a
    failure of Stripe's own, which it replays under a key for a day, must not keep an org from paying that long.
    """
    past = session.scalar(select(func.count()).where(StripeCustomer.org_id == org_id)) or 0
    said = hashlib.sha256(f"{name}\n{email}".encode()).hexdigest()[:16]
    return f"customer-{org_id}-{past}-{said}-{int(now.timestamp()) // _SAME_KEY}"
