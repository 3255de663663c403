"""Opens Stripe's page for changing the card, and pays the invoice that a failed renewal left open."""

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
from app.payments.catch_up import catch_up
from app.payments.gateway import get_gateway
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.customers import ensure_customer, resync_customer
from app.payments.payment_methods.default_payment_method import align_cards
from app.stripe_gateway import Gateway, customers, invoices, portal, subscriptions
from app.stripe_gateway.errors import StripeMissing, StripeRefused
from app.web.addresses import absolute_url
from app.web.database import transaction
from app.web.runtime import runtime


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """The outcome of a payment. `url` is the invoice's Stripe page, for using another card or 3-D Secure."""

    state: Literal["paid", "declined", "open"]
    url: str | None
    reason: str | None = None


def open_card_page(org_id: UUID, *, actor: Actor, now: datetime) -> str:
    """Open Stripe's page for changing the card. Its URL is a short-lived credential: redirect to it, never store it.

    Opens its own transactions. Raises `Unavailable` (Stripe away, payments off).
    """
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        catch_up(gw, org_id, runtime().started_at, now)
        try:
            url = _open_portal(gw, org_id, now)
        except StripeMissing:
            resync_customer(gw, org_id, now)
            url = _open_portal(gw, org_id, now)
        with transaction() as session:
            audit(session, actor, "card.page_opened", on=("org", org_id), org_id=org_id, now=now)
    return url


def pay_now(org_id: UUID, *, actor: Actor, now: datetime) -> PaymentResult:
    """Pay the org's oldest open invoice with the current card; payment restores the plan's limits.

    Opens its own transactions. Raises `Conflict` (no open invoice), `Unavailable` (Stripe away: the payment may have
    gone through and will be synced later; an invoice is never paid twice).
    """
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        with transaction() as session:
            open_invoice = queries.find_unpaid_invoice(session, org_id)
            if open_invoice is None:
                raise Conflict("You have no unpaid invoice.")
            invoice_id, subscription_id = open_invoice.id, open_invoice.stripe_subscription_id
            audit(session, actor, "invoice.payment_asked", on=("invoice", invoice_id), org_id=org_id, now=now)
        reason = _charge(gw, invoice_id, subscription_id)
        retrieved = retrieve.invoice(gw, invoice_id)
        with transaction() as session:
            retrieve.sync_retrieved(session, org_id, retrieved, now)
    invoice = retrieved.invoices[0][0]
    if invoice.status == "paid":
        return PaymentResult("paid", None)
    return PaymentResult("declined" if reason else "open", invoice.hosted_url, reason)


def _open_portal(gw: Gateway, org_id: UUID, now: datetime) -> str:
    customer_id = ensure_customer(gw, org_id, now)
    # Every click needs its own page: a replayed one would have expired.
    return portal.open_portal(gw, customer_id, absolute_url("billing.index"), key=f"portal-{new_hex()}")


def _charge(gw: Gateway, invoice_id: str, subscription_id: str | None) -> str | None:
    """Charge the customer's current card; returns Stripe's message if it is declined.

    Stripe pays an invoice once whatever the key, so every attempt gets its own: a fixed key would replay the first
    refusal for a day, even after the card was topped up.
    """
    if subscription_id is not None:
        subscription = subscriptions.retrieve(gw, subscription_id)
        align_cards(gw, customers.retrieve(gw, subscription.customer_id), (subscription,))
    try:
        invoices.pay(gw, invoice_id, key=f"pay-{new_hex()}")
    except StripeRefused as refused:
        return refused.detail
    return None
