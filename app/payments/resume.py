"""Resumes a subscription that Stripe paused, which it does when a trial ends without a card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.mirrors import retrieve
from app.payments.payment_methods.default_payment_method import retrieve_and_align_customer
from app.stripe_gateway import Gateway, invoices, subscriptions
from app.stripe_gateway.invoice_types import RemoteInvoice
from app.web.database import transaction

PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class ResumeResult:
    """Whether the plan runs again. If not, `url` is Stripe's page for its first payment, if there is one."""

    resumed: bool
    url: str | None = None


def resume_subscription(org_id: UUID, *, actor: Actor, now: datetime) -> ResumeResult:
    """Resume the paused subscription: a new period begins and is charged now. Audited.

    Opens its own transactions. Raises `Conflict` (not paused, no card), `Unavailable` (Stripe away; safe to repeat).
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            running = queries.find_open_subscription(session, org_id)
            if running is None or running.status != PAUSED:
                raise Conflict("Your plan is not paused. Nothing was charged.")
            subscription_id, customer_id = running.id, running.customer_id
            audit(session, actor, "subscription.resume_asked", on=("stripe_subscription", subscription_id),
                  org_id=org_id, now=now)  # fmt: skip
        retrieved = retrieve_and_align_customer(gw, org_id, customer_id)
        remote = next((each for each in retrieved.subscriptions if each.id == subscription_id), None)
        if remote is None or remote.status != PAUSED:
            status = remote.status if remote else "ended"
        elif remote.card is None and (retrieved.customer is None or retrieved.customer.card is None):
            raise Conflict("There is no card to charge. Add one first, then resume. Nothing was charged.")
        else:
            status = _resume(gw, subscription_id)
        unpaid = _find_unpaid(gw, subscription_id)
        after = retrieve.invoice(gw, unpaid.id) if unpaid else retrieve.subscription(gw, subscription_id)
        with transaction() as session:
            retrieve.sync_retrieved(session, org_id, after, now)
    return ResumeResult(status not in {PAUSED, "ended"}, unpaid.hosted_url if unpaid else None)


def _resume(gw: Gateway, subscription_id: str) -> str:
    """The status after it. While an invoice for resuming is open, paying that is the way, and no other is made."""
    if _find_unpaid(gw, subscription_id) is not None:
        return PAUSED
    return subscriptions.resume(gw, subscription_id, key=f"resume-{new_hex()}").status


def _find_unpaid(gw: Gateway, subscription_id: str) -> RemoteInvoice | None:
    return next(iter(invoices.list_for_subscription(gw, subscription_id, "open")), None)
