"""Pays what an organisation owes for its subscription: every unpaid invoice, oldest first, with the current card.

Stripe reactivates an unpaid subscription when its newest invoice is paid, and keeps that one as a draft. So its drafts
are finalised first.
Rule: https://docs.stripe.com/billing/subscriptions/overview#unpaid-subscriptions
"""

from __future__ import annotations

from collections.abc import Sequence
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
from app.payments.locks import org_turn
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.mirrors.sync_invoice import CONFIRM
from app.payments.payment_methods.default_payment_method import align_cards
from app.stripe_gateway import Gateway, customers, invoices, subscriptions
from app.stripe_gateway.errors import StripeMissing, StripeRefused
from app.stripe_gateway.invoice_types import RemoteInvoice
from app.web.database import transaction

_CONFIRM = frozenset({CONFIRM, "invoice_payment_intent_requires_action"})


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """The outcome. `paid` of `owed` invoices went through; the next one stopped it unless `state` is paid.

    `url` is that invoice's page at Stripe, for confirming (`confirm`) or using another card; `reason` is the bank's.
    """

    state: Literal["paid", "declined", "confirm", "open"]
    paid: int
    owed: int
    url: str | None = None
    reason: str | None = None


def pay_now(org_id: UUID, *, actor: Actor, now: datetime) -> PaymentResult:
    """Pay everything that is owed for the running subscription; stops at the first invoice that is not paid.

    Opens its own transactions; each invoice is synced as soon as it was tried. Raises `Conflict` (nothing owed, no
    card), `Unavailable` (Stripe away: a payment may have gone through and will be synced later; none is made twice).
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            running = queries.find_open_subscription(session, org_id)
            known = [row.invoice_id for row in queries.list_owed(session, org_id)]
            if running is None or not known:
                raise Conflict("You have no unpaid invoice.")
            subscription_id = running.id
            audit(session, actor, "invoice.payment_asked", on=("subscription", subscription_id), org_id=org_id,
                  after={"invoices": known}, now=now)  # fmt: skip
        owed = _list_owed(gw, subscription_id, known)
        result = _pay_each(gw, org_id, owed, now)
        _sync(org_id, retrieve.subscription(gw, subscription_id), now)
    return result


def _list_owed(gw: Gateway, subscription_id: str, known: Sequence[str]) -> list[RemoteInvoice]:
    """Ask Stripe what is unpaid, after switching the subscription to the card chosen last. Includes what we knew."""
    subscription = subscriptions.retrieve(gw, subscription_id)
    customer, (subscription,) = align_cards(gw, customers.retrieve(gw, subscription.customer_id), (subscription,))
    if customer.card is None and subscription.card is None:
        raise Conflict("There is no card to charge. Add one first, then pay. Nothing was charged.")
    found = invoices.list_for_subscription(gw, subscription_id, "open")
    if subscription.status == "unpaid":
        found += invoices.list_for_subscription(gw, subscription_id, "draft")
    ids = {invoice.id for invoice in found}
    found += [invoices.retrieve(gw, invoice_id) for invoice_id in known if invoice_id not in ids]
    return sorted(found, key=lambda invoice: (invoice.created_at, invoice.id))


def _pay_each(gw: Gateway, org_id: UUID, owed: Sequence[RemoteInvoice], now: datetime) -> PaymentResult:
    for paid, invoice in enumerate(owed):
        refused = _charge(gw, invoice)
        try:
            payment = retrieve.invoice_only(gw, invoice.id)
        except StripeMissing:  # a draft that was deleted meanwhile
            continue
        _sync(org_id, Retrieved(invoices=(payment,)), now)
        current = payment[0]
        if current.status == "open":
            state = _find_state(refused)
            return PaymentResult(state, paid, len(owed), current.hosted_url, refused.detail if refused else None)
    return PaymentResult("paid", len(owed), len(owed))


def _find_state(refused: StripeRefused | None) -> Literal["declined", "confirm", "open"]:
    if refused is None:
        return "open"
    return "confirm" if _CONFIRM & {refused.stripe_code, refused.decline_code} else "declined"


def _charge(gw: Gateway, invoice: RemoteInvoice) -> StripeRefused | None:
    """Finalise the invoice if it is a draft, and charge the customer's card; returns the refusal.

    Stripe finalises and pays an invoice once whatever the key, so every attempt gets its own: a fixed key would replay
    the first refusal for a day, even after the card was topped up.
    """
    try:
        if invoice.status == "draft":
            invoice = invoices.finalize(gw, invoice.id, key=f"finalize-{new_hex()}")
        if invoice.status == "open":
            invoices.pay(gw, invoice.id, key=f"pay-{new_hex()}")
    except StripeRefused as refused:
        return refused
    return None


def _sync(org_id: UUID, retrieved: Retrieved, now: datetime) -> None:
    with transaction() as session:
        retrieve.sync_retrieved(session, org_id, retrieved, now)
