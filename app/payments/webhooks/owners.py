"""Finds the org of an event: by its customer, by our metadata on the object, else by asking Stripe."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.ids import parse_id
from app.payments.errors import UnknownOwner
from app.payments.locks import ensure_no_transaction
from app.payments.models import StripeCustomer
from app.payments.webhooks.inbox import InboxRecord
from app.stripe_gateway import Gateway, customers, invoices, payments
from app.stripe_gateway.errors import StripeMissing
from app.web.database import transaction

# Where an object carries our metadata; an invoice inherits its subscription's.
_METADATA_PATHS = (("metadata",), ("parent", "subscription_details", "metadata"))


def get_owner(gw: Gateway, event: InboxRecord) -> UUID:
    """Get the org of an event; raises `UnknownOwner`. May call Stripe, so no transaction may be open."""
    with transaction() as session:
        org_id = _find_by_customer(session, event.customer_id) or _find_org(session, _read_metadata(event))
    if org_id is None:
        org_id = _find_at_stripe(gw, event)
    if org_id is None:
        raise UnknownOwner("No organisation is known for this customer.")
    return org_id


def _find_at_stripe(gw: Gateway, event: InboxRecord) -> UUID | None:
    """Refunds and invoice payments name no customer, and a customer may not be mirrored yet."""
    ensure_no_transaction()
    try:
        customer_id = event.customer_id or _find_related_customer(gw, event)
        named_org = customers.retrieve(gw, customer_id).org_id if customer_id else None
    except StripeMissing:
        return None
    with transaction() as session:
        return _find_by_customer(session, customer_id) or _find_org(session, named_org)


def _find_related_customer(gw: Gateway, event: InboxRecord) -> str | None:
    """The customer of the object's invoice or payment."""
    invoice_id, intent_id = event.object.get("invoice"), event.object.get("payment_intent")
    if isinstance(invoice_id, str):
        return invoices.retrieve(gw, invoice_id).customer_id
    return payments.retrieve_intent(gw, intent_id).customer_id if isinstance(intent_id, str) else None


def _find_by_customer(session: Session, customer_id: str | None) -> UUID | None:
    mirror = session.get(StripeCustomer, customer_id) if customer_id else None
    return mirror.org_id if mirror else None


def _find_org(session: Session, org_id: UUID | None) -> UUID | None:
    """Anybody with access to the account can edit metadata, so it counts only if the org exists."""
    return org_id if org_id is not None and accounts.is_org(session, org_id) else None


def _read_metadata(event: InboxRecord) -> UUID | None:
    for path in _METADATA_PATHS:
        value: object = event.object
        for name in (*path, "tollkeeper_org"):
            value = value.get(name) if isinstance(value, dict) else None
        org_id = parse_id(value) if isinstance(value, str) else None
        if org_id is not None:
            return org_id
    return None
