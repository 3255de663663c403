"""Changing the card on Stripe's page, and paying what a failed renewal left open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.gateway import get_gateway
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.customers import ensure_customer, sync_missing_customer
from app.payments.payment_methods.default_payment_method import copy_customer_card_to_subscription
from app.stripe_gateway import Gateway, customers, invoices, portal, subscriptions
from app.stripe_gateway.errors import StripeMissing, StripeRefused
from app.web.addresses import absolute_url
from app.web.database import transaction


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """What came of paying. `url` is the invoice's page at Stripe, where another card or 3-D Secure can be used."""

    state: Literal["paid", "declined", "open"]
    url: str | None
    reason: str | None = None


def open_card_page(org_id: UUID, *, actor: Actor, now: datetime) -> str:
    """The address of Stripe's page to change the card: a credential of minutes, to redirect to, never kept.

    Opens its own transactions. Raises `Unavailable` (Stripe away, payments off).
    """
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        try:
            url = _portal(gw, org_id, now)
        except StripeMissing:
            sync_missing_customer(gw, org_id, now)
            url = _portal(gw, org_id, now)
        with transaction() as session:
            audit(session, actor, "card.page_opened", on=("org", org_id), org_id=org_id, now=now)
    return url


def pay_now(org_id: UUID, *, actor: Actor, now: datetime) -> PaymentResult:
    """Pay the org's oldest open invoice with the card kept now; the plan's limits return with it.

    Opens its own transactions. Raises `Conflict` (nothing is open), `Unavailable` (Stripe away: whether it was paid
    will be seen; an invoice is never paid twice).
    """
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        with transaction() as session:
            owed = queries.find_unpaid_invoice(session, org_id)
            if owed is None:
                raise Conflict("No payment is open.")
            invoice_id, theirs = owed.id, owed.stripe_subscription_id
            audit(session, actor, "invoice.payment_asked", on=("invoice", invoice_id), org_id=org_id, now=now)
        reason = _try(gw, invoice_id, theirs)
        found = retrieve.invoice(gw, invoice_id)
        with transaction() as session:
            retrieve.sync_retrieved(session, org_id, found, now)
    invoice = found.invoices[0][0]
    if invoice.status == "paid":
        return PaymentResult("paid", None)
    return PaymentResult("declined" if reason else "open", invoice.hosted_url, reason)


def _portal(gw: Gateway, org_id: UUID, now: datetime) -> str:
    customer_id = ensure_customer(gw, org_id, now)
    # Every click needs a page of its own: a replayed one would have lapsed.
    return portal.open_portal(gw, customer_id, absolute_url("billing.index"), key=f"portal-{new_hex()}")


def _try(gw: Gateway, invoice_id: str, subscription_id: str | None) -> str | None:
    """Charge the card that the customer chose last; what Stripe says when it is declined.

    An invoice is paid once whatever the key, and the same card may be tried again when there is money on it: so each
    try has a key of its own, where a fixed one would replay the first refusal for a day.
    """
    if subscription_id is not None:
        theirs = subscriptions.retrieve(gw, subscription_id)
        copy_customer_card_to_subscription(gw, customers.retrieve(gw, theirs.customer_id), theirs)
    try:
        invoices.pay(gw, invoice_id, key=f"pay-{new_hex()}")
    except StripeRefused as refused:
        return refused.detail
    return None
