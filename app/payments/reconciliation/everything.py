"""All that Stripe has of us, by its lists: a hundred objects a call, and no call for a single one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app.kit.batches import batched
from app.payments.models import StripeCustomer, StripeInvoice
from app.payments.reconciliation.changed import UnknownCustomers, list_refunds_of_ours
from app.payments.reconciliation.compare_with_stripe import (
    MirroredObject,
    build_credit_note,
    build_customer,
    build_invoice,
    build_subscription,
)
from app.stripe_gateway import Gateway, credit_notes, customers, invoices, payments, subscriptions
from app.stripe_gateway.errors import StripeMissing
from app.stripe_gateway.invoice_types import RemoteInvoice
from app.stripe_gateway.types import Card
from app.web.database import transaction

RECENT = timedelta(days=62)
"""Older invoices are compared only while they are open here; older credit notes and refunds are not."""
_PAGE = 100


def list_everything(gw: Gateway, now: datetime, unknown: UnknownCustomers) -> Iterator[MirroredObject]:
    """List unknown customers, then all objects of the orgs' customers, page by page."""
    for customer, org_id in unknown:
        yield build_customer(org_id, customer.id, customer, None)
    named = {customer.id: org_id for customer, org_id in unknown}
    with transaction() as session:
        mirrors = session.execute(select(StripeCustomer.id, StripeCustomer.org_id, StripeCustomer.deleted_at)).all()
    known: dict[str, UUID] = {row.id: row.org_id for row in mirrors if row.id not in named}
    yield from _list_customers(gw, known, {row.id for row in mirrors if row.deleted_at is None} & known.keys())
    orgs = {**known, **named}
    for subscription in subscriptions.list_all(gw):
        if subscription.customer_id in orgs:
            yield build_subscription(orgs[subscription.customer_id], subscription)
    for invoice in _list_invoices(gw, now):
        if invoice.customer_id in orgs:
            yield build_invoice(orgs[invoice.customer_id], invoice)
    for note in credit_notes.list_all(gw, now - RECENT):
        if note.customer_id in orgs:
            yield build_credit_note(orgs[note.customer_id], note)
    for page in batched(payments.list_all_refunds(gw, now - RECENT), _PAGE):
        yield from list_refunds_of_ours(page)


def _list_customers(gw: Gateway, orgs: dict[str, UUID], live: set[str]) -> Iterator[MirroredObject]:
    own_cards: dict[str, Card] = {}
    for subscription in subscriptions.list_all(gw):
        if subscription.card is not None and subscription.ended_at is None:
            own_cards.setdefault(subscription.customer_id, subscription.card)
    for customer in customers.list_created(gw):
        if customer.id in orgs:
            live.discard(customer.id)
            yield build_customer(orgs[customer.id], customer.id, customer, own_cards.get(customer.id))
    for customer_id in sorted(live):  # the list has no deleted ones
        try:
            yield build_customer(orgs[customer_id], customer_id, customers.retrieve(gw, customer_id), None)
        except StripeMissing:
            yield build_customer(orgs[customer_id], customer_id, None, None)


def _list_invoices(gw: Gateway, now: datetime) -> Iterator[RemoteInvoice]:
    start = now - RECENT
    with transaction() as session:
        older = select(StripeInvoice.id).where(
            StripeInvoice.status.in_(("draft", "open")), StripeInvoice.created_at < start
        )
        still_open = list(session.scalars(older))
    yield from invoices.list_all(gw, start)
    for invoice_id in still_open:
        with suppress(StripeMissing):  # a draft can be deleted; a finalised invoice cannot
            yield invoices.retrieve(gw, invoice_id)
