"""Whose an event is: by its customer, by our mark on the object, else by asking Stripe."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.kit.ids import parse_id
from app.payments.errors import UnknownOwner
from app.payments.locks import ensure_no_transaction
from app.payments.models import StripeCustomer
from app.payments.webhooks.inbox import InboxRecord
from app.stripe_gateway import Gateway, customers, invoices, payments
from app.stripe_gateway.errors import StripeMissing
from app.web.database import transaction

# Where an object says whose it is; an invoice carries what its subscription said.
_MARKS = (("metadata",), ("parent", "subscription_details", "metadata"))


def get_owner(gw: Gateway, seen: InboxRecord) -> UUID:
    """The org that an event is about; raises `UnknownOwner`. No transaction may be open: Stripe may be asked."""
    with transaction() as session:
        found = _of_customer(session, seen.customer_id) or _known(session, _marked(seen))
    if found is None:
        found = _asked(gw, seen)
    if found is None:
        raise UnknownOwner("No organisation is known for this customer.")
    return found


def _asked(gw: Gateway, seen: InboxRecord) -> UUID | None:
    """Refunds and payments of invoices name no customer, and a customer may be younger than its row here."""
    ensure_no_transaction()
    try:
        customer_id = seen.customer_id or _behind(gw, seen)
        mark = customers.retrieve(gw, customer_id).org_id if customer_id else None
    except StripeMissing:
        return None
    with transaction() as session:
        return _of_customer(session, customer_id) or _known(session, mark)


def _behind(gw: Gateway, seen: InboxRecord) -> str | None:
    """The customer of the invoice or the payment that the object belongs to."""
    invoice_id, intent_id = seen.object.get("invoice"), seen.object.get("payment_intent")
    if isinstance(invoice_id, str):
        return invoices.retrieve(gw, invoice_id).customer_id
    return payments.retrieve_intent(gw, intent_id).customer_id if isinstance(intent_id, str) else None


def _of_customer(session: Session, customer_id: str | None) -> UUID | None:
    mirror = session.get(StripeCustomer, customer_id) if customer_id else None
    return mirror.org_id if mirror else None


def _known(session: Session, org_id: UUID | None) -> UUID | None:
    """A mark can be written by anybody with the account: it counts only where there is such an org."""
    return org_id if org_id is not None and session.get(Org, org_id) is not None else None


def _marked(seen: InboxRecord) -> UUID | None:
    for path in _MARKS:
        value: object = seen.object
        for name in (*path, "tollkeeper_org"):
            value = value.get(name) if isinstance(value, dict) else None
        found = parse_id(value) if isinstance(value, str) else None
        if found is not None:
            return found
    return None
