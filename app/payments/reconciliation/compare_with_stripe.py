"""Every customer, subscription and invoice of ours at Stripe, held against its mirror; what differs is synced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.kit.errors import DomainError
from app.payments import billing_records
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.models import StripeCustomer, StripeInvoice, StripeSubscription
from app.payments.reconciliation import drift_report
from app.payments.reconciliation.drift_report import Fields, StripeDifference
from app.stripe_gateway import Gateway, invoices, subscriptions
from app.stripe_gateway.errors import StripeAway, StripeMissing
from app.stripe_gateway.types import Invoice, RemoteSubscription
from app.web.database import transaction

INVOICES = timedelta(days=62)
"""Invoices made before are compared only while they are open here."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MirroredObject:
    """An object of ours; `fields` says how its mirror differs from what Stripe has just said."""

    org_id: UUID
    kind: str
    id: str
    fields: Callable[[Session], Fields]


def list_objects(gw: Gateway, now: datetime) -> Iterator[MirroredObject]:
    """All objects of the orgs' customers, asked for as they are needed."""
    with transaction() as session:
        known = session.execute(select(StripeCustomer.id, StripeCustomer.org_id, StripeCustomer.deleted_at)).all()
    orgs = {row.id: row.org_id for row in known}
    live = [row.id for row in known if row.deleted_at is None]
    for customer_id in live:
        yield _customer(gw, orgs[customer_id], customer_id)
    for subscription in subscriptions.list_all(gw):
        if subscription.customer_id in orgs:
            yield MirroredObject(
                orgs[subscription.customer_id], "subscription", subscription.id, _of_subscription(subscription)
            )
    for invoice in _invoices(gw, now):
        if invoice.customer_id in orgs:
            yield MirroredObject(orgs[invoice.customer_id], "invoice", invoice.id, _of_invoice(invoice))


def repair(gw: Gateway, held: MirroredObject, now: datetime) -> list[StripeDifference]:
    """Name the differences of one object and sync it as an event would; raises `StripeAway`."""
    with transaction() as session:
        before = held.fields(session)
    if not before:
        return []
    after = _repaired(gw, held, now)
    left = {name for name, _, _ in (before if after is None else after)}
    return [StripeDifference(held.kind, held.id, held.org_id, *each, repaired=each[0] not in left) for each in before]


def _repaired(gw: Gateway, held: MirroredObject, now: datetime) -> Fields | None:
    """What differs after a sync; None when that failed."""
    try:
        with org_lock(held.org_id):
            found = _RETRIEVE[held.kind](gw, held.org_id, held.id)
            with transaction() as session:
                retrieve.sync_retrieved(session, held.org_id, found, now)
            with transaction() as session:
                return _of_retrieved(held, found)(session)
    except StripeAway:
        raise
    except Exception as error:  # noqa: BLE001  (whatever it was, it is told, and the others are compared)
        words = error.detail if isinstance(error, DomainError) else None
        log.warning("not repaired", kind=held.kind, id=held.id, error=type(error).__name__, words=words)
        return None


_RETRIEVE: dict[str, Callable[[Gateway, UUID, str], Retrieved]] = {
    "customer": retrieve.customer,
    "subscription": lambda gw, _, stripe_id: retrieve.subscription(gw, stripe_id),
    "invoice": lambda gw, _, stripe_id: retrieve.invoice(gw, stripe_id),
}


def _customer(gw: Gateway, org_id: UUID, customer_id: str) -> MirroredObject:
    try:
        found = retrieve.customer_read_only(gw, org_id, customer_id)
    except StripeMissing:
        return MirroredObject(org_id, "customer", customer_id, lambda _: [("existence", "there", "missing")])
    return MirroredObject(org_id, "customer", customer_id, _of_customer(customer_id, found))


def _invoices(gw: Gateway, now: datetime) -> Iterator[Invoice]:
    start = now - INVOICES
    with transaction() as session:
        older = select(StripeInvoice.id).where(
            StripeInvoice.status.in_(("draft", "open")), StripeInvoice.created_at < start
        )
        still_open = list(session.scalars(older))
    yield from invoices.list_all(gw, start)
    for invoice_id in still_open:
        with suppress(StripeMissing):  # a draft can be deleted; what has a number cannot
            yield invoices.retrieve(gw, invoice_id)


def _of_retrieved(held: MirroredObject, found: Retrieved) -> Callable[[Session], Fields]:
    if held.kind == "customer":
        return _of_customer(held.id, found)
    if held.kind == "subscription":
        return _of_subscription(found.subscriptions[0])
    return _of_invoice(found.invoices[0][0])


def _of_customer(customer_id: str, found: Retrieved) -> Callable[[Session], Fields]:
    theirs = found.customer
    own = [each.card for each in found.subscriptions if each.card is not None and each.ended_at is None]

    def fields(session: Session) -> Fields:
        mirror = session.get(StripeCustomer, customer_id)
        if mirror is None or theirs is None:
            return [("existence", "missing", "there")]
        return drift_report.compare_customer(mirror, theirs, theirs.card or (own[0] if own else None))

    return fields


def _of_subscription(found: RemoteSubscription) -> Callable[[Session], Fields]:
    return lambda session: drift_report.compare_subscription(session.get(StripeSubscription, found.id), found)


def _of_invoice(found: Invoice) -> Callable[[Session], Fields]:
    def fields(session: Session) -> Fields:
        mirror = session.get(StripeInvoice, found.id)
        record = billing_records.find_by_invoice(session, mirror.org_id, found.id) if mirror else None
        return drift_report.compare_invoice(mirror, record, found)

    return fields
