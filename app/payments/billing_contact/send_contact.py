"""Sends what changed of an organisation's billing contact to its customer at Stripe.

The organisation's billing details decide. What they never said is left alone at Stripe, where a customer may have
entered it on a payment page; what they said and no longer say is removed there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.billing_contact.tax_ids import find_tax_id
from app.payments.locks import org_lock
from app.payments.mirrors.customers import resync_customer
from app.payments.mirrors.sync_customer import sync_customer
from app.stripe_gateway import Gateway, customers
from app.stripe_gateway.errors import StripeAway, StripeDenied, StripeMissing, StripeMisused
from app.stripe_gateway.types import Customer
from app.web.database import transaction
from app.web.sweeps import run_each

MOST = 100
_DUE = text("""
SELECT customer.org_id FROM stripe_customers customer
JOIN accounts_billing_contacts contact ON contact.org_id = customer.org_id
WHERE customer.deleted_at IS NULL AND customer.contact_digest IS DISTINCT FROM contact.digest
ORDER BY customer.contact_digest IS NOT NULL, customer.id LIMIT :most
""")
_FIELDS = {"line1": "line1", "line2": "line2", "postal_code": "postal_code", "city": "city", "region": "state",
           "country": "country"}  # fmt: skip
ORDER_NUMBER, NOTE = "Purchase order", "Note"
"""What the fields of invoices are called at Stripe."""
_NO_TYPE = "Stripe knows no tax id of this kind for the country."


@dataclass(frozen=True, slots=True)
class _Sending:
    """A contact and what was sent before, as plain values."""

    customer_id: str
    name: str
    email: str | None
    address: dict[str, Any]
    tax_id: str | None
    digest: str
    fields: dict[str, str] | None
    sent_before: bool
    sent_tax_id: str | None


def list_due_contacts(session: Session) -> list[UUID]:
    """List at most 100 organisations whose contact is not yet at Stripe as it is here."""
    return list(session.scalars(_DUE, {"most": MOST}))


def send_contact(gw: Gateway, org_id: UUID, now: datetime) -> None:
    """Send the organisation's contact if it changed. Opens its own transactions; raises `StripeAway`.

    What Stripe refuses is noted and not sent again until it changes.
    """
    with org_lock(org_id):
        with transaction() as session:
            sending = _load(session, org_id)
        if sending is None:
            return
        try:
            updated = _send_address(gw, sending)
            tax_id_ref, refusal = _send_tax_id(gw, sending)
        except StripeMissing:
            resync_customer(gw, org_id, now)
            return
        except StripeDenied:
            raise
        except StripeMisused as refused:
            updated, tax_id_ref, refusal = None, sending.sent_tax_id, refused.detail
        with transaction() as session:
            mirror = sync_customer(session, org_id, updated, now) if updated else queries.find_customer(session, org_id)
            if mirror is not None:
                mirror.contact_digest, mirror.contact_error, mirror.tax_id_ref = sending.digest, refusal, tax_id_ref


def send_contacts(gw: Gateway, now: datetime) -> None:
    """Send all contacts that changed."""
    with transaction() as session:
        due = list_due_contacts(session)
    run_each(due, lambda org_id: send_contact(gw, org_id, now), "billing contact not sent", stops=(StripeAway,))


def _load(session: Session, org_id: UUID) -> _Sending | None:
    mirror = queries.find_customer(session, org_id)
    if mirror is None:
        return None
    row = accounts.find_billing_contact(session, org_id)
    if mirror.contact_digest == row.digest:
        return None
    before = mirror.contact_digest is not None
    fields = {name: value for name, value in ((ORDER_NUMBER, row.order_number), (NOTE, row.invoice_note)) if value}
    return _Sending(
        mirror.id, row.name, row.email, row.address, row.tax_id, row.digest,
        fields if before or fields else None, before, mirror.tax_id_ref,
    )  # fmt: skip


def _send_address(gw: Gateway, sending: _Sending) -> Customer:
    """Send all but the tax id. A line that is no longer there is gone only if the address is removed and sent again.

    It is sent first, so that one that Stripe refuses does not cost the customer the one before.
    """
    address = {theirs: sending.address[ours] for ours, theirs in _FIELDS.items() if sending.address.get(ours)}
    if sending.sent_before and address:
        _update(gw, sending, address)
        _update(gw, sending, {})
    return _update(gw, sending, address if address or sending.sent_before else None)


def _update(gw: Gateway, sending: _Sending, address: dict[str, str] | None) -> Customer:
    return customers.update_contact(
        gw, sending.customer_id, name=sending.name, email=sending.email, address=address, fields=sending.fields,
        key=f"contact-{new_hex()}",
    )  # fmt: skip


def _send_tax_id(gw: Gateway, sending: _Sending) -> tuple[str | None, str | None]:
    """Replace the tax id that we sent before; returns its id at Stripe, and why there is none."""
    wanted = find_tax_id(sending.address.get("country"), sending.tax_id)
    listed = customers.list_tax_ids(gw, sending.customer_id)
    known = next((each.id for each in listed if (each.type, each.value) == wanted), None)
    if sending.sent_tax_id not in {None, known} and sending.sent_tax_id in {each.id for each in listed}:
        customers.delete_tax_id(gw, sending.customer_id, str(sending.sent_tax_id))
    if wanted is None:
        return None, _NO_TYPE if sending.tax_id else None
    if known is not None:
        return known, None
    try:
        return customers.create_tax_id(gw, sending.customer_id, *wanted, key=f"tax-id-{new_hex()}").id, None
    except StripeDenied:
        raise
    except StripeMisused as refused:
        return None, refused.detail
