"""Maps event types to what to retrieve from Stripe. An event is only a hint: we store Stripe's current state."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.payments.checkout.fulfil import retrieve_checkout, retrieve_own_session
from app.payments.errors import UnknownOwner, UnknownPayment
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.mirrors.sync_refund import UNKNOWN as UNKNOWN_PAYMENT
from app.payments.payment_methods.default_payment_method import (
    align_subscription,
    retrieve_and_align_customer,
    set_default_payment_method,
)
from app.payments.webhooks.inbox import InboxRecord
from app.stripe_gateway import Gateway, customers, payments
from app.stripe_gateway.errors import StripeMissing

Handler = Callable[[Gateway, UUID, InboxRecord], Retrieved]
"""Retrieves from Stripe under the org's lock with no transaction open; the caller syncs the result."""


def handle_checkout(gw: Gateway, org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve the session and everything it created, as the return page does."""
    return retrieve_checkout(gw, org_id, retrieve_own_session(gw, org_id, _object_id(event)))


def handle_customer(gw: Gateway, org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve the customer, its running subscriptions, and what changed its balance."""
    return retrieve.with_movements(gw, retrieve_and_align_customer(gw, org_id, event.customer_id or _object_id(event)))


def handle_subscription(gw: Gateway, _org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve the subscription."""
    return _retrieve_subscription(gw, _object_id(event))


def handle_schedule(gw: Gateway, _org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve the schedule's subscription; scheduled changes themselves are not stored yet."""
    subscription_id = event.object.get("subscription") or event.object.get("released_subscription")
    return _retrieve_subscription(gw, subscription_id) if isinstance(subscription_id, str) else Retrieved()


def handle_invoice(gw: Gateway, _org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve the invoice. A draft may have been deleted since, which leaves nothing to write."""
    try:
        return retrieve.invoice(gw, _object_id(event))
    except StripeMissing:
        if event.object.get("status") == "draft":
            return Retrieved()
        raise


def handle_invoice_payment(gw: Gateway, _org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve the invoice of the payment."""
    invoice_id = event.object.get("invoice")
    return retrieve.invoice(gw, invoice_id) if isinstance(invoice_id, str) else Retrieved()


def handle_setup_intent(gw: Gateway, org_id: UUID, event: InboxRecord) -> Retrieved:
    """Make a saved card the default if the customer has none; an existing default stays."""
    setup = payments.retrieve_setup_intent(gw, _object_id(event))
    if setup.customer_id and setup.card and setup.status == "succeeded":
        current = customers.retrieve(gw, setup.customer_id)
        if current.card is None and not current.deleted:
            set_default_payment_method(gw, current.id, setup.card.id)
    return handle_customer(gw, org_id, event)


def handle_refund(gw: Gateway, _org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve all refunds of the payment, because a refund can fail long after it was created."""
    payment_intent = event.object.get("payment_intent")
    if not isinstance(payment_intent, str):
        raise UnknownPayment(UNKNOWN_PAYMENT)
    return retrieve.refund_of(gw, payment_intent)


def handle_credit_note(gw: Gateway, _org_id: UUID, event: InboxRecord) -> Retrieved:
    """Retrieve the note and its invoice. What it refunds is told by the refund's own events."""
    return retrieve.credit_note(gw, _object_id(event))


def _retrieve_subscription(gw: Gateway, subscription_id: str) -> Retrieved:
    """Retrieve a subscription; if its card is not the one that we show, its customer too, with their cards aligned."""
    retrieved = retrieve.subscription(gw, subscription_id)
    another = retrieve.has_another_card(retrieved.subscriptions[0])
    return align_subscription(gw, retrieved) if another else retrieved


def _object_id(event: InboxRecord) -> str:
    if event.object_id is None:
        raise UnknownOwner("The event names no object.")
    return event.object_id


_PREVIEW = "A preview; Stripe has no such object to retrieve."
_INVOICED = "Invoice payments are handled by their invoices' events."
_PERSON = "Kept for staff to review."
_CATALOG = "Our catalogue is authoritative; `flask catalog push` compares it."

HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": handle_checkout,
    "checkout.session.async_payment_succeeded": handle_checkout,
    "checkout.session.async_payment_failed": handle_checkout,
    "checkout.session.expired": handle_checkout,
    "customer.created": handle_customer,
    "customer.updated": handle_customer,
    "customer.deleted": handle_customer,
    "customer.subscription.created": handle_subscription,
    "customer.subscription.updated": handle_subscription,
    "customer.subscription.deleted": handle_subscription,
    "customer.subscription.paused": handle_subscription,
    "customer.subscription.resumed": handle_subscription,
    "customer.subscription.trial_will_end": handle_subscription,
    "customer.subscription.pending_update_applied": handle_subscription,
    "customer.subscription.pending_update_expired": handle_subscription,
    "subscription_schedule.created": handle_schedule,
    "subscription_schedule.updated": handle_schedule,
    "subscription_schedule.released": handle_schedule,
    "subscription_schedule.canceled": handle_schedule,
    "subscription_schedule.completed": handle_schedule,
    "subscription_schedule.aborted": handle_schedule,
    "invoice.created": handle_invoice,
    "invoice.updated": handle_invoice,
    "invoice.finalized": handle_invoice,
    "invoice.finalization_failed": handle_invoice,
    "invoice.paid": handle_invoice,
    "invoice.payment_succeeded": handle_invoice,
    "invoice.payment_failed": handle_invoice,
    "invoice.payment_action_required": handle_invoice,
    "invoice.overdue": handle_invoice,
    "invoice.voided": handle_invoice,
    "invoice.marked_uncollectible": handle_invoice,
    "invoice_payment.paid": handle_invoice_payment,
    "setup_intent.succeeded": handle_setup_intent,
    "payment_method.attached": handle_customer,
    "payment_method.detached": handle_customer,
    "payment_method.updated": handle_customer,
    "payment_method.automatically_updated": handle_customer,
    "refund.created": handle_refund,
    "refund.updated": handle_refund,
    "refund.failed": handle_refund,
    "charge.refunded": handle_refund,
    "credit_note.created": handle_credit_note,
    "credit_note.updated": handle_credit_note,
    "credit_note.voided": handle_credit_note,
}
IGNORED: dict[str, str] = {
    "invoice.upcoming": _PREVIEW,
    "payment_intent.succeeded": _INVOICED,
    "payment_intent.payment_failed": _INVOICED,
    "charge.dispute.created": _PERSON,
    "charge.dispute.updated": _PERSON,
    "charge.dispute.closed": _PERSON,
    "charge.dispute.funds_withdrawn": _PERSON,
    "charge.dispute.funds_reinstated": _PERSON,
    "radar.early_fraud_warning.created": _PERSON,
    "price.created": _CATALOG,
    "price.updated": _CATALOG,
    "price.deleted": _CATALOG,
    "product.created": _CATALOG,
    "product.updated": _CATALOG,
    "product.deleted": _CATALOG,
}
UNKNOWN_TYPE = "An event type that we do not handle."
ALERTED = frozenset(kind for kind, why in IGNORED.items() if why == _PERSON) | {"invoice.finalization_failed"}
