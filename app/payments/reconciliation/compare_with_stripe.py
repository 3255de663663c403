"""Compares an object at Stripe with its mirror, and syncs what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from app.kit.errors import DomainError
from app.payments import billing_records, queries
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.models import StripeCreditNote, StripeRefund
from app.payments.mirrors.retrieve import Retrieved
from app.payments.mirrors.sync_balance import compute_known_balance, count_unexplained
from app.payments.models import StripeCustomer, StripeInvoice, StripeSubscription
from app.payments.payment_methods.default_payment_method import retrieve_and_align_customer
from app.payments.reconciliation import drift_report
from app.payments.reconciliation.drift_report import Fields, StripeDifference
from app.stripe_gateway import Gateway, payments
from app.stripe_gateway.credit_notes import RemoteNote
from app.stripe_gateway.errors import StripeAway
from app.stripe_gateway.invoice_types import RemoteInvoice
from app.stripe_gateway.types import Card, Customer, Refund, RemoteSubscription
from app.web.database import transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MirroredObject:
    """An object to compare; `fields` returns how its mirror differs from Stripe's response."""

    org_id: UUID
    kind: str
    id: str
    fields: Callable[[Session], Fields]


def build_customer(org_id: UUID, customer_id: str, remote: Customer | None, own_card: Card | None) -> MirroredObject:
    """A customer as retrieved, None if Stripe has none; `own_card` is its running subscription's own."""
    if remote is None:
        return MirroredObject(org_id, "customer", customer_id, lambda _: [("existence", "there", "missing")])
    return MirroredObject(org_id, "customer", customer_id, _compare_customer(customer_id, remote, own_card))


def build_subscription(org_id: UUID, remote: RemoteSubscription) -> MirroredObject:
    """A subscription as retrieved."""
    return MirroredObject(org_id, "subscription", remote.id, _compare_subscription(remote))


def build_invoice(org_id: UUID, remote: RemoteInvoice) -> MirroredObject:
    """An invoice as retrieved."""
    return MirroredObject(org_id, "invoice", remote.id, _compare_invoice(remote))


def build_credit_note(org_id: UUID, remote: RemoteNote) -> MirroredObject:
    """A credit note as retrieved."""
    return MirroredObject(org_id, "credit_note", remote.id, _compare_credit_note(remote))


def build_refund(org_id: UUID, remote: Refund) -> MirroredObject:
    """A refund of a payment of ours as retrieved."""
    return MirroredObject(org_id, "refund", remote.id, _compare_refund(remote))


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
    "customer": lambda gw, org_id, stripe_id: retrieve.with_movements(
        gw, retrieve_and_align_customer(gw, org_id, stripe_id)
    ),
    "subscription": lambda gw, _, stripe_id: retrieve.subscription(gw, stripe_id),
    "invoice": lambda gw, _, stripe_id: retrieve.invoice(gw, stripe_id),
    "credit_note": lambda gw, _, stripe_id: retrieve.credit_note(gw, stripe_id),
    "refund": lambda gw, _, stripe_id: retrieve.refund_of(
        gw, payments.retrieve_refund(gw, stripe_id).payment_intent_id or ""
    ),
}


def _compare_retrieved(item: MirroredObject, retrieved: Retrieved) -> Callable[[Session], Fields]:
    if item.kind == "customer":
        return _compare_customer(item.id, retrieved.customer, find_own_card(retrieved.subscriptions))
    if item.kind == "subscription":
        return _compare_subscription(retrieved.subscriptions[0])
    if item.kind == "credit_note":
        return _compare_credit_note(retrieved.credit_notes[0])
    if item.kind == "refund" and retrieved.refund is not None:
        return _compare_refund(next(refund for refund in retrieved.refund.refunds if refund.id == item.id))
    return _compare_invoice(retrieved.invoices[0][0])


def find_own_card(subscriptions: Iterable[RemoteSubscription]) -> Card | None:
    """The card of a running subscription, which is charged in preference to its customer's."""
    return next((each.card for each in subscriptions if each.card is not None and each.ended_at is None), None)


def _compare_customer(customer_id: str, remote: Customer | None, own_card: Card | None) -> Callable[[Session], Fields]:
    def fields(session: Session) -> Fields:
        mirror = session.get(StripeCustomer, customer_id)
        if mirror is None or remote is None:
            return [("existence", "missing", "there")]
        differing = drift_report.compare_customer(mirror, remote, remote.card or own_card)
        known, unexplained = compute_known_balance(session, customer_id), count_unexplained(session, mirror.org_id)
        return differing + drift_report.compare_movements(known, unexplained, remote)

    return fields


def _compare_subscription(remote: RemoteSubscription) -> Callable[[Session], Fields]:
    def fields(session: Session) -> Fields:
        own_terms, mirror = queries.find_own_terms(session, remote), session.get(StripeSubscription, remote.id)
        return drift_report.compare_subscription(mirror, remote, own_terms)

    return fields


def _compare_credit_note(remote: RemoteNote) -> Callable[[Session], Fields]:
    return lambda session: drift_report.compare_credit_note(session.get(StripeCreditNote, remote.id), remote)


def _compare_refund(remote: Refund) -> Callable[[Session], Fields]:
    return lambda session: drift_report.compare_refund(session.get(StripeRefund, remote.id), remote)


def _compare_invoice(remote: RemoteInvoice) -> Callable[[Session], Fields]:
    def fields(session: Session) -> Fields:
        mirror = session.get(StripeInvoice, remote.id)
        record = billing_records.find_by_invoice(session, mirror.org_id, remote.id) if mirror else None
        return drift_report.compare_invoice(mirror, record, remote)

    return fields
