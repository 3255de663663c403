"""What Stripe says now of things that hang together: asked for first, with no transaction open, then written down.

The handlers of events and reconciliation both work so; an event is only the hint that there is something to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.payments import queries
from app.payments.locks import ensure_no_transaction
from app.payments.mirrors.sync_checkout import sync_checkout
from app.payments.mirrors.sync_customer import sync_customer
from app.payments.mirrors.sync_invoice import sync_invoice
from app.payments.mirrors.sync_refund import RefundedPayment, sync_refund
from app.payments.mirrors.sync_subscription import sync_subscription
from app.payments.models import StripeCustomer
from app.payments.payment_methods.default_payment_method import copy_customer_card_to_subscription
from app.stripe_gateway import Gateway, customers, invoices, payments, subscriptions
from app.stripe_gateway.types import CheckoutSession, Customer, Intent, Invoice, RemoteSubscription
from app.web.database import end_read_transaction
from app.web.database import session as reading

InvoicePayment = tuple[Invoice, Intent | None]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Objects as they were a moment ago, to be written by `write` under the org's lock."""

    customer: Customer | None = None
    subscriptions: tuple[RemoteSubscription, ...] = ()
    invoices: tuple[InvoicePayment, ...] = ()
    checkout: CheckoutSession | None = None
    refund: RefundedPayment | None = None


def sync_retrieved(session: Session, org_id: UUID, found: Retrieved, now: datetime) -> None:
    """Bring the mirrors, and all that follows them, in line with what was retrieved."""
    if found.checkout is not None:
        sync_checkout(session, org_id, found.checkout, now)
    if found.customer is not None:
        sync_customer(session, org_id, found.customer, now)
    for subscription in found.subscriptions:
        sync_subscription(session, org_id, subscription, now)
    for invoice, intent in found.invoices:
        sync_invoice(session, org_id, invoice, now, intent=intent)
    if found.refund is not None:
        sync_refund(session, org_id, found.refund, now)


def customer(gw: Gateway, org_id: UUID, customer_id: str) -> Retrieved:
    """A customer, and the subscription that runs, which from now on charges the card that the customer chose."""
    found = customer_read_only(gw, org_id, customer_id)
    if found.customer is None:
        return found
    return Retrieved(
        found.customer,
        tuple(copy_customer_card_to_subscription(gw, found.customer, each) for each in found.subscriptions),
    )


def customer_read_only(gw: Gateway, org_id: UUID, customer_id: str) -> Retrieved:
    """A customer, and the subscription that runs: a comparison holds no lock, and so changes nothing at Stripe."""
    running = queries.find_open_subscription(reading(), org_id)
    subscription_id = running.id if running is not None and running.customer_id == customer_id else None
    end_read_transaction()
    found = customers.retrieve(gw, customer_id)
    return Retrieved(found, (subscriptions.retrieve(gw, subscription_id),) if subscription_id else ())


def subscription(gw: Gateway, subscription_id: str) -> Retrieved:
    """A subscription; with its customer where that one is not known yet."""
    ensure_no_transaction()
    found = subscriptions.retrieve(gw, subscription_id)
    return Retrieved(_unknown(gw, found.customer_id), (found,))


def invoice(gw: Gateway, invoice_id: str) -> Retrieved:
    """An invoice with its payment and the subscription that it is for."""
    ensure_no_transaction()
    found = invoice_only(gw, invoice_id)
    theirs = found[0].subscription_id
    its = (subscriptions.retrieve(gw, theirs),) if theirs else ()
    return Retrieved(_unknown(gw, found[0].customer_id), its, (found,))


def invoice_only(gw: Gateway, invoice_id: str) -> InvoicePayment:
    """An invoice and its payment: the card, and Stripe's words of a failure."""
    ensure_no_transaction()
    found = invoices.retrieve(gw, invoice_id)
    return found, payments.retrieve_intent(gw, found.payment_intent_id) if found.payment_intent_id else None


def _unknown(gw: Gateway, customer_id: str) -> Customer | None:
    known = reading().get(StripeCustomer, customer_id) is not None
    end_read_transaction()
    return None if known else customers.retrieve(gw, customer_id)
