"""The Stripe customer that an org is billed as. Created once: the attempt is stored first, and its id is the key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.ids import new_id
from app.payments import cursors, queries
from app.payments.gateway import IN_FLIGHT, KEY_LIFETIME
from app.payments.mirrors.sync_customer import close_attempt, sync_customer
from app.payments.models import CustomerAttempt, StripeCustomer
from app.stripe_gateway import Gateway, customers, subscriptions
from app.stripe_gateway.errors import StripeAway, StripeKeyReused, StripeMissing
from app.stripe_gateway.types import Customer, RemoteSubscription
from app.web.database import transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A stored attempt as plain values."""

    id: UUID
    org_id: UUID
    opened_at: datetime
    name: str
    email: str | None


def ensure_customer(gw: Gateway, org_id: UUID, now: datetime) -> str:
    """Return the id of the org's customer, creating and mirroring one if needed. The caller holds the org's lock.

    Whenever a crash or a lost answer came in between, no second one is created: the next call asks with the same key
    while Stripe remembers it, and looks for the customer after that. Raises `StripeAway`.
    """
    with transaction() as session:
        mirror = queries.find_customer(session, org_id)
        if mirror is not None:
            return mirror.id
        attempt = _open_attempt(session, org_id, now)
    created = _find_or_create(gw, attempt, now)
    with transaction() as session:
        sync_customer(session, org_id, created, now).listed_at = now  # it has nothing yet
    return created.id


def find_named_customer(gw: Gateway, org_id: UUID, since: datetime) -> Customer | None:
    """Find the customer made since then that names the org in its metadata, if it is not mirrored yet.

    Of several the one that pays, else the oldest.
    """
    with transaction() as session:
        known = cursors.find_start(session, cursors.CUSTOMERS)  # of those before it, every one of an org is mirrored
    start = max(since - cursors.OVERLAP, known or since - cursors.OVERLAP)
    named = [customer for customer in customers.list_created(gw, start) if customer.org_id == org_id]
    if len(named) > 1:
        log.error("several customers at stripe", org_id=str(org_id), customers=[customer.id for customer in named])
        paying = [customer for customer in named if _list_running(gw, customer.id)]
        named = paying or named
    return named[-1] if named else None  # the list begins with the newest


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
    """The org's name and the address for Stripe's receipts."""
    contact = accounts.find_billing_contact(session, org_id)
    return contact.name, contact.email


def _open_attempt(session: Session, org_id: UUID, now: datetime) -> _Attempt:
    """The attempt under way, else a new one."""
    query = select(CustomerAttempt).where(CustomerAttempt.org_id == org_id, CustomerAttempt.closed_at.is_(None))
    row = session.scalars(query).one_or_none()
    if row is None:
        row = CustomerAttempt(id=new_id(), org_id=org_id, opened_at=now)
        session.add(row)
        session.flush()
    return _Attempt(row.id, org_id, row.opened_at, *_billing_contact(session, org_id))


def _find_or_create(gw: Gateway, attempt: _Attempt, now: datetime) -> Customer:
    in_flight = now - attempt.opened_at < IN_FLIGHT
    if now - attempt.opened_at < KEY_LIFETIME:
        try:
            return _create(gw, attempt)
        except StripeAway as away:
            if in_flight or not away.replayed:  # a call without an answer may still be running
                raise
            # Stripe's own failure must not keep an org from paying for a day.
        except StripeKeyReused:  # the name or address changed since the first call
            if in_flight:
                raise StripeAway(sent=False) from None
    found = find_named_customer(gw, attempt.org_id, attempt.opened_at)
    if found is not None:
        return found
    with transaction() as session:
        close_attempt(session, attempt.org_id, now)
        attempt = _open_attempt(session, attempt.org_id, now)
    return _create(gw, attempt)


def _create(gw: Gateway, attempt: _Attempt) -> Customer:
    key = f"customer-{attempt.id}"
    return customers.create(gw, org_id=attempt.org_id, email=attempt.email, name=attempt.name, key=key)


def _list_running(gw: Gateway, customer_id: str) -> list[RemoteSubscription]:
    return [each for each in subscriptions.list_for_customer(gw, customer_id) if each.ended_at is None]
