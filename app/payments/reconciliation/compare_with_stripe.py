"""Compares every customer, subscription and invoice at Stripe with its mirror, and syncs those that differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.errors import DomainError
from app.payments import billing_records, cursors, queries
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.models import StripeCustomer, StripeInvoice, StripeSubscription
from app.payments.payment_methods.default_payment_method import retrieve_and_align_customer
from app.payments.reconciliation import drift_report
from app.payments.reconciliation.drift_report import Fields, StripeDifference
from app.stripe_gateway import Gateway, customers, invoices, subscriptions
from app.stripe_gateway.errors import StripeAway, StripeMissing
from app.stripe_gateway.types import Customer, Invoice, RemoteSubscription
from app.web.database import transaction

RECENT_INVOICES = timedelta(days=62)
"""Older invoices are compared only while they are open here."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MirroredObject:
    """An object to compare; `fields` returns how its mirror differs from Stripe's response."""

    org_id: UUID
    kind: str
    id: str
    fields: Callable[[Session], Fields]


def list_objects(gw: Gateway, now: datetime) -> Iterator[MirroredObject]:
    """List all objects of the orgs' customers, retrieving them lazily."""
    with transaction() as session:
        mirrors = session.execute(select(StripeCustomer.id, StripeCustomer.org_id, StripeCustomer.deleted_at)).all()
    orgs = {row.id: row.org_id for row in mirrors}
    live = [row.id for row in mirrors if row.deleted_at is None]
    for customer_id in live:
        yield _retrieve_customer(gw, orgs[customer_id], customer_id)
    for customer, org_id in _list_unknown(gw, orgs.keys()):
        orgs[customer.id] = org_id
        yield MirroredObject(org_id, "customer", customer.id, _compare_customer(customer.id, Retrieved(customer)))
    for subscription in subscriptions.list_all(gw):
        if subscription.customer_id in orgs:
            yield MirroredObject(
                orgs[subscription.customer_id], "subscription", subscription.id, _compare_subscription(subscription)
            )
    for invoice in _list_invoices(gw, now):
        if invoice.customer_id in orgs:
            yield MirroredObject(orgs[invoice.customer_id], "invoice", invoice.id, _compare_invoice(invoice))


def repair(gw: Gateway, item: MirroredObject, now: datetime) -> list[StripeDifference]:
    """Report the differences of one object and sync it as an event would; raises `StripeAway`."""
    with transaction() as session:
        before = item.fields(session)
    if not before:
        return []
    after = _sync_and_compare(gw, item, now)
    remaining = {name for name, _, _ in (before if after is None else after)}
    return [
        StripeDifference(item.kind, item.id, item.org_id, *fields, repaired=fields[0] not in remaining)
        for fields in before
    ]


def _sync_and_compare(gw: Gateway, item: MirroredObject, now: datetime) -> Fields | None:
    """Sync the object; returns what still differs, None if the sync failed."""
    try:
        with org_lock(item.org_id):
            retrieved = _RETRIEVE[item.kind](gw, item.org_id, item.id)
            with transaction() as session:
                retrieve.sync_retrieved(session, item.org_id, retrieved, now)
            with transaction() as session:
                return _compare_retrieved(item, retrieved)(session)
    except StripeAway:
        raise
    except Exception as error:  # noqa: BLE001  (logged; one failure must not stop the others)
        detail = error.detail if isinstance(error, DomainError) else None
        log.warning("repair failed", kind=item.kind, id=item.id, error=type(error).__name__, words=detail)
        return None


_RETRIEVE: dict[str, Callable[[Gateway, UUID, str], Retrieved]] = {
    "customer": retrieve_and_align_customer,
    "subscription": lambda gw, _, stripe_id: retrieve.subscription(gw, stripe_id),
    "invoice": lambda gw, _, stripe_id: retrieve.invoice(gw, stripe_id),
}


def _retrieve_customer(gw: Gateway, org_id: UUID, customer_id: str) -> MirroredObject:
    try:
        retrieved = retrieve.customer(gw, org_id, customer_id)
    except StripeMissing:
        return MirroredObject(org_id, "customer", customer_id, lambda _: [("existence", "there", "missing")])
    return MirroredObject(org_id, "customer", customer_id, _compare_customer(customer_id, retrieved))


def _list_unknown(gw: Gateway, known: Collection[str]) -> list[tuple[Customer, UUID]]:
    """Customers that name one of our orgs and are not mirrored, oldest first: a restored dump does not have them."""
    with transaction() as session:
        start = cursors.find_start(session, cursors.CUSTOMERS)
    listed = [customer for customer in customers.list_created(gw, start) if customer.id not in known]
    named = [(customer, customer.org_id) for customer in reversed(listed) if customer.org_id is not None]
    with transaction() as session:
        return [(customer, org_id) for customer, org_id in named if accounts.is_org(session, org_id)]


def _list_invoices(gw: Gateway, now: datetime) -> Iterator[Invoice]:
    start = now - RECENT_INVOICES
    with transaction() as session:
        older = select(StripeInvoice.id).where(
            StripeInvoice.status.in_(("draft", "open")), StripeInvoice.created_at < start
        )
        still_open = list(session.scalars(older))
    yield from invoices.list_all(gw, start)
    for invoice_id in still_open:
        with suppress(StripeMissing):  # a draft can be deleted; a finalised invoice cannot
            yield invoices.retrieve(gw, invoice_id)


def _compare_retrieved(item: MirroredObject, retrieved: Retrieved) -> Callable[[Session], Fields]:
    if item.kind == "customer":
        return _compare_customer(item.id, retrieved)
    if item.kind == "subscription":
        return _compare_subscription(retrieved.subscriptions[0])
    return _compare_invoice(retrieved.invoices[0][0])


def _compare_customer(customer_id: str, retrieved: Retrieved) -> Callable[[Session], Fields]:
    remote = retrieved.customer
    own = [running.card for running in retrieved.subscriptions if running.card is not None and running.ended_at is None]

    def fields(session: Session) -> Fields:
        mirror = session.get(StripeCustomer, customer_id)
        if mirror is None or remote is None:
            return [("existence", "missing", "there")]
        return drift_report.compare_customer(mirror, remote, remote.card or (own[0] if own else None))

    return fields


def _compare_subscription(remote: RemoteSubscription) -> Callable[[Session], Fields]:
    def fields(session: Session) -> Fields:
        known = queries.has_known_price(session, remote.price_id, remote.status)
        return drift_report.compare_subscription(session.get(StripeSubscription, remote.id), remote, known_price=known)

    return fields


def _compare_invoice(remote: Invoice) -> Callable[[Session], Fields]:
    def fields(session: Session) -> Fields:
        mirror = session.get(StripeInvoice, remote.id)
        record = billing_records.find_by_invoice(session, mirror.org_id, remote.id) if mirror else None
        return drift_report.compare_invoice(mirror, record, remote)

    return fields
