"""Which event has us ask Stripe about what. An event is a hint: what is written is what Stripe says now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from app.payments.checkout.fulfil import retrieve_checkout, retrieve_own_session
from app.payments.errors import UnknownOwner, UnknownPayment
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.mirrors.sync_refund import UNKNOWN as UNKNOWN_PAYMENT
from app.payments.mirrors.sync_refund import RefundedPayment
from app.payments.payment_methods.default_payment_method import set_default_payment_method
from app.payments.webhooks.inbox import InboxRecord
from app.stripe_gateway import Gateway, customers, payments
from app.stripe_gateway.errors import StripeMissing

Handler = Callable[[Gateway, UUID, InboxRecord], Retrieved]
"""Asks Stripe, under the org's lock and with no transaction open; the caller writes what comes back."""


def handle_checkout(gw: Gateway, org_id: UUID, seen: InboxRecord) -> Retrieved:
    """The session and all that it has led to, as the return page asks for them."""
    return retrieve_checkout(gw, org_id, retrieve_own_session(gw, org_id, _id(seen)))


def handle_customer(gw: Gateway, org_id: UUID, seen: InboxRecord) -> Retrieved:
    """The customer as Stripe has it now."""
    return retrieve.customer(gw, org_id, seen.customer_id or _id(seen))


def handle_subscription(gw: Gateway, _org_id: UUID, seen: InboxRecord) -> Retrieved:
    """The subscription as Stripe has it now."""
    return retrieve.subscription(gw, _id(seen))


def handle_schedule(gw: Gateway, _org_id: UUID, seen: InboxRecord) -> Retrieved:
    """Planned changes are not kept yet: the subscription is what holds now."""
    named = seen.object.get("subscription") or seen.object.get("released_subscription")
    return retrieve.subscription(gw, named) if isinstance(named, str) else Retrieved()


def handle_invoice(gw: Gateway, _org_id: UUID, seen: InboxRecord) -> Retrieved:
    """A draft may have been deleted meanwhile: then there is nothing to write."""
    try:
        return retrieve.invoice(gw, _id(seen))
    except StripeMissing:
        if seen.object.get("status") == "draft":
            return Retrieved()
        raise


def handle_invoice_payment(gw: Gateway, _org_id: UUID, seen: InboxRecord) -> Retrieved:
    """The invoice that the payment is for, as Stripe has it now."""
    named = seen.object.get("invoice")
    return retrieve.invoice(gw, named) if isinstance(named, str) else Retrieved()


def handle_setup_intent(gw: Gateway, org_id: UUID, seen: InboxRecord) -> Retrieved:
    """A saved card becomes the default of a customer who has none; a chosen one stays."""
    saved = payments.retrieve_setup_intent(gw, _id(seen))
    if saved.customer_id and saved.payment_method_id and saved.status == "succeeded":
        held = customers.retrieve(gw, saved.customer_id)
        if held.card is None and not held.deleted:
            set_default_payment_method(gw, held.id, saved.payment_method_id)
    return handle_customer(gw, org_id, seen)


def handle_refund(gw: Gateway, _org_id: UUID, seen: InboxRecord) -> Retrieved:
    """Everything paid back of the payment so far: a refund can fail long after it was made."""
    paid_by = seen.object.get("payment_intent")
    if not isinstance(paid_by, str):
        raise UnknownPayment(UNKNOWN_PAYMENT)
    refunded = sum(each.amount for each in payments.list_refunds(gw, paid_by) if each.status == "succeeded")
    invoice_id = payments.find_invoice_id(gw, paid_by)
    found = retrieve.invoice(gw, invoice_id) if invoice_id else Retrieved()
    return replace(found, refund=RefundedPayment(paid_by, refunded))


def _id(seen: InboxRecord) -> str:
    if seen.object_id is None:
        raise UnknownOwner("The event names no object.")
    return seen.object_id


_PREVIEW = "A preview: there is nothing at Stripe to ask about."
_INVOICED = "Payments of invoices come with the events of their invoices."
_PERSON = "Kept for a person to look at."
_CREDIT = "Credit notes come with our own invoices."
_CATALOG = "The catalogue here is ours; `flask catalog push` compares it."

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
}
IGNORED: dict[str, str] = {
    "invoice.upcoming": _PREVIEW,
    "payment_intent.succeeded": _INVOICED,
    "payment_intent.payment_failed": _INVOICED,
    "credit_note.created": _CREDIT,
    "credit_note.updated": _CREDIT,
    "credit_note.voided": _CREDIT,
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
UNKNOWN_TYPE = "A type that is not ours to act on."
ALERTED = frozenset(each for each, why in IGNORED.items() if why == _PERSON) | {"invoice.finalization_failed"}
