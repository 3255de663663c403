"""Retrieves related objects from Stripe with no transaction open, to be written together afterwards.

Event handlers and reconciliation share this: an event only hints that an object is worth retrieving.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.payments import queries
from app.payments.locks import ensure_no_transaction
from app.payments.mirrors.sync_balance import (
    compute_known_balance,
    find_newest_movement,
    sync_balance_movements,
)
from app.payments.mirrors.sync_checkout import sync_checkout
from app.payments.mirrors.sync_credit_note import sync_credit_note
from app.payments.mirrors.sync_customer import sync_customer
from app.payments.mirrors.sync_invoice import sync_invoice
from app.payments.mirrors.sync_refund import RefundedPayment, sync_refund
from app.payments.mirrors.sync_subscription import mirror_subscription, update_dunning
from app.payments.models import StripeCustomer, StripeSubscription
from app.payments.plan_changes.emails import queue_change_emails
from app.stripe_gateway import Gateway, credit_notes, customers, invoices, payments, subscriptions
from app.stripe_gateway.credit_notes import RemoteNote
from app.stripe_gateway.invoice_types import RemoteInvoice
from app.stripe_gateway.types import BalanceMovement, CheckoutSession, Customer, Intent, RemoteSubscription
from app.subscriptions.states import LATE
from app.web.database import end_read_transaction
from app.web.database import session as reading

InvoicePayment = tuple[RemoteInvoice, Intent | None]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Objects just retrieved, to be written by `sync_retrieved` under the org's lock."""

    customer: Customer | None = None
    subscriptions: tuple[RemoteSubscription, ...] = ()
    invoices: tuple[InvoicePayment, ...] = ()
    checkout: CheckoutSession | None = None
    refund: RefundedPayment | None = None
    credit_notes: tuple[RemoteNote, ...] = ()
    movements: tuple[BalanceMovement, ...] = ()


def sync_retrieved(session: Session, org_id: UUID, retrieved: Retrieved, now: datetime) -> None:
    """Sync the mirrors, and everything that depends on them, with what was retrieved."""
    if retrieved.checkout is not None:
        sync_checkout(session, org_id, retrieved.checkout, now)
    if retrieved.customer is not None:
        sync_customer(session, org_id, retrieved.customer, now)
    sync_balance_movements(session, org_id, retrieved.movements)
    mirrors = [mirror_subscription(session, org_id, subscription, now) for subscription in retrieved.subscriptions]
    for invoice, intent in retrieved.invoices:
        sync_invoice(session, org_id, invoice, now, intent=intent)
    for mirror in mirrors:
        update_dunning(session, mirror, now)  # last: its emails tell what became of the invoices
    if mirrors:
        queue_change_emails(session, org_id, now)
    if retrieved.refund is not None:
        sync_refund(session, org_id, retrieved.refund, now)
    for note in retrieved.credit_notes:
        sync_credit_note(session, org_id, note, now)


def describe_unapplied(session: Session, retrieved: Retrieved) -> str | None:
    """Say what of the retrieved objects cannot be applied: what a subscription costs, where that is no plan's price."""
    for remote in retrieved.subscriptions:
        own_terms = queries.find_own_terms(session, remote)
        if own_terms is not None:
            return f"{remote.id} is not billed as a plan of the catalogue: {own_terms}. All else was applied."
    return None


def subscription(gw: Gateway, subscription_id: str) -> Retrieved:
    """Retrieve a subscription, its customer if not mirrored yet, and the invoice that made it late."""
    ensure_no_transaction()
    remote = subscriptions.retrieve(gw, subscription_id)
    return Retrieved(_retrieve_unknown(gw, remote.customer_id), (remote,), late_invoices(gw, (remote,)))


def late_invoices(gw: Gateway, remotes: Iterable[RemoteSubscription]) -> tuple[InvoicePayment, ...]:
    """Retrieve the latest invoices of subscriptions that are late, or were when we last looked.

    So the emails about a failed payment and its end know what is owed and what became of it, in any order of events.
    """
    remotes = tuple(remotes)
    late_here = select(StripeSubscription.id).where(
        StripeSubscription.id.in_([remote.id for remote in remotes]), StripeSubscription.status.in_(LATE)
    )
    were_late = set(reading().scalars(late_here))
    end_read_transaction()
    late = [remote for remote in remotes if remote.status in LATE or remote.id in were_late]
    return tuple(invoice_only(gw, remote.latest_invoice_id) for remote in late if remote.latest_invoice_id)


def invoice(gw: Gateway, invoice_id: str) -> Retrieved:
    """Retrieve an invoice with its payment and its subscription."""
    ensure_no_transaction()
    payment = invoice_only(gw, invoice_id)
    subscription_id = payment[0].subscription_id
    remote = (subscriptions.retrieve(gw, subscription_id),) if subscription_id else ()
    return Retrieved(_retrieve_unknown(gw, payment[0].customer_id), remote, (payment,))


def invoice_only(gw: Gateway, invoice_id: str) -> InvoicePayment:
    """Retrieve an invoice and its payment: the card, and Stripe's message after a failure."""
    ensure_no_transaction()
    remote = invoices.retrieve(gw, invoice_id)
    return remote, payments.retrieve_intent(gw, remote.payment_intent_id) if remote.payment_intent_id else None


def credit_note(gw: Gateway, note_id: str) -> Retrieved:
    """Retrieve a credit note with its invoice."""
    ensure_no_transaction()
    note = credit_notes.retrieve(gw, note_id)
    return replace(invoice(gw, note.invoice_id), credit_notes=(note,))


def refund_of(gw: Gateway, payment_intent: str) -> Retrieved:
    """Retrieve all refunds of a payment with its invoice."""
    ensure_no_transaction()
    refunded = refunded_payment(gw, payment_intent)
    invoice_id = payments.find_invoice_id(gw, payment_intent)
    return replace(invoice(gw, invoice_id) if invoice_id else Retrieved(), refund=refunded)


def refunded_payment(gw: Gateway, payment_intent: str) -> RefundedPayment:
    """Retrieve all refunds of a payment."""
    return RefundedPayment(payment_intent, tuple(payments.list_refunds(gw, payment_intent)))


def with_movements(gw: Gateway, retrieved: Retrieved) -> Retrieved:
    """Add the movements of a retrieved customer's balance since those that are mirrored; all, if any are missing.

    The log of events names none of them, and two can cancel each other out, so that the balance alone does not tell.
    """
    customer = retrieved.customer
    if customer is None or customer.deleted:
        return retrieved
    newest, known = find_newest_movement(reading(), customer.id), compute_known_balance(reading(), customer.id)
    end_read_transaction()
    movements = customers.list_balance_movements(gw, customer.id, newest)
    if known + sum(movement.amount for movement in movements) != customer.balance and newest is not None:
        movements = customers.list_balance_movements(gw, customer.id)
    return replace(retrieved, movements=tuple(movements))


def has_another_card(remote: RemoteSubscription) -> bool:
    """Whether the subscription has a card of its own that is not the one that we show for its customer."""
    holder = reading().get(StripeCustomer, remote.customer_id)
    shown = holder.card_id if holder is not None else None
    end_read_transaction()
    return remote.card is not None and shown not in {None, remote.card.id}


def _retrieve_unknown(gw: Gateway, customer_id: str) -> Customer | None:
    known = reading().get(StripeCustomer, customer_id) is not None
    end_read_transaction()
    return None if known else customers.retrieve(gw, customer_id)
