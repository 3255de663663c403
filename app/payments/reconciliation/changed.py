"""What changed at Stripe since the last run, by its log of events: what a run costs depends on that alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select

from app.accounts import queries as accounts
from app.payments import cursors
from app.payments.billing_records import find_payers
from app.payments.models import StripeCustomer
from app.payments.reconciliation.compare_with_stripe import (
    MirroredObject,
    build_credit_note,
    build_customer,
    build_invoice,
    build_refund,
    build_subscription,
    find_own_card,
)
from app.payments.webhooks.envelope import Envelope, find_customer_id
from app.stripe_gateway import Gateway, credit_notes, customers, invoices, payments, subscriptions
from app.stripe_gateway.errors import StripeMissing
from app.stripe_gateway.types import Customer, Refund
from app.web.database import transaction


@dataclass(slots=True)
class ChangedObjects:
    """Ids of the objects that events are about."""

    customers: set[str] = field(default_factory=set)
    subscriptions: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)
    credit_notes: set[str] = field(default_factory=set)
    refunds: set[str] = field(default_factory=set)

    def add(self, event: Envelope) -> None:
        """Add the object of an event and its customer."""
        customer_id, about = find_customer_id(event.data), event.data.object
        if customer_id is not None:
            self.customers.add(customer_id)
        by_kind = {"subscription": self.subscriptions, "invoice": self.invoices, "credit_note": self.credit_notes,
                   "refund": self.refunds}  # fmt: skip
        ids = by_kind.get(str(about.get("object")))
        if ids is not None and isinstance(about.get("id"), str):
            ids.add(str(about["id"]))


UnknownCustomers = Sequence[tuple[Customer, UUID]]
"""Customers without a mirror, and the orgs that they name."""


def list_unknown_customers(gw: Gateway) -> UnknownCustomers:
    """Customers that name one of our orgs and are not mirrored, oldest first: a restored dump does not have them."""
    with transaction() as session:
        start = cursors.find_start(session, cursors.CUSTOMERS)
    listed = [(customer, customer.org_id) for customer in customers.list_created(gw, start) if customer.org_id]
    with transaction() as session:
        ids = [customer.id for customer, _ in listed]
        known = set(session.scalars(select(StripeCustomer.id).where(StripeCustomer.id.in_(ids))))
        unknown = [(customer, org_id) for customer, org_id in reversed(listed) if customer.id not in known]
        return [(customer, org_id) for customer, org_id in unknown if accounts.is_org(session, org_id)]


def list_changed(gw: Gateway, changed: ChangedObjects, unknown: UnknownCustomers) -> Iterator[MirroredObject]:
    """List unknown customers and the changed objects of known ones, retrieving them lazily."""
    for customer, org_id in unknown:
        yield build_customer(org_id, customer.id, customer, None)
    with transaction() as session:
        known = select(StripeCustomer.id, StripeCustomer.org_id).where(StripeCustomer.id.in_(changed.customers))
        orgs: dict[str, UUID] = {row.id: row.org_id for row in session.execute(known)}
    known_ids = sorted(orgs)
    orgs |= {customer.id: org_id for customer, org_id in unknown}
    for customer_id in known_ids:
        yield _retrieve_customer(gw, orgs[customer_id], customer_id)
    for subscription_id in sorted(changed.subscriptions):
        with suppress(StripeMissing):
            subscription = subscriptions.retrieve(gw, subscription_id)
            if subscription.customer_id in orgs:
                yield build_subscription(orgs[subscription.customer_id], subscription)
    for invoice_id in sorted(changed.invoices):
        with suppress(StripeMissing):  # a draft can be deleted; a finalised invoice cannot
            invoice = invoices.retrieve(gw, invoice_id)
            if invoice.customer_id in orgs:
                yield build_invoice(orgs[invoice.customer_id], invoice)
    for note_id in sorted(changed.credit_notes):
        with suppress(StripeMissing):
            note = credit_notes.retrieve(gw, note_id)
            if note.customer_id in orgs:
                yield build_credit_note(orgs[note.customer_id], note)
    for refund_id in sorted(changed.refunds):
        with suppress(StripeMissing):
            yield from list_refunds_of_ours([payments.retrieve_refund(gw, refund_id)])


def list_refunds_of_ours(refunds: Sequence[Refund]) -> Iterator[MirroredObject]:
    """List those of some refunds that went back from a payment of ours: a refund may name no customer."""
    with transaction() as session:
        owners = find_payers(session, [refund.payment_intent_id for refund in refunds if refund.payment_intent_id])
    for refund in refunds:
        if refund.payment_intent_id in owners:
            yield build_refund(owners[refund.payment_intent_id], refund)


def _retrieve_customer(gw: Gateway, org_id: UUID, customer_id: str) -> MirroredObject:
    remote: Customer | None = None
    with suppress(StripeMissing):
        remote = customers.retrieve(gw, customer_id)
    if remote is None or remote.deleted or remote.card is not None:
        return build_customer(org_id, customer_id, remote, None)
    return build_customer(org_id, customer_id, remote, find_own_card(subscriptions.list_for_customer(gw, customer_id)))
