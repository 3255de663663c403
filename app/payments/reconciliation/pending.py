"""Polls Stripe for open checkouts and pending records that have sent no webhook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from app.payments import queries
from app.payments.checkout.attempts import load_attempt
from app.payments.checkout.fulfil import apply_checkout_session
from app.payments.checkout.sessions import find_session
from app.payments.checkout_models import Checkout
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.sync_checkout import close_checkout, sync_checkout
from app.payments.models import BillingRecord
from app.payments.plan_changes.resolve import ask_stripe, list_asked
from app.payments.plan_changes.schedule import ensure_schedule, list_unmirrored
from app.stripe_gateway import Gateway
from app.stripe_gateway.errors import StripeAway
from app.web.database import transaction
from app.web.sweeps import run_each

QUIET = timedelta(minutes=2)
FREQUENT = timedelta(hours=1)
"""A checkout is polled at every run for this long, then once an hour, since Stripe keeps it open for a day."""
MOST = 200
_NO_SESSION = "Stripe has no session for this checkout."


@dataclass(frozen=True, slots=True)
class PendingItem:
    """A checkout, invoice or change of plan whose outcome is unknown; `plans`: a planned one is not at Stripe."""

    org_id: UUID
    since: datetime
    checkout_id: UUID | None = None
    invoice_id: str | None = None
    change_id: UUID | None = None
    plans: bool = False


def list_pending(session: Session, now: datetime, *, unlimited: bool = False) -> list[PendingItem]:
    """List what to poll now: quiet for two minutes, after an hour only hourly.

    Of the last hour the newest 200, since somebody waits for them; of what is older, the oldest 200. `unlimited`
    returns everything quiet, oldest first.
    """
    pending = BillingRecord.state == "pending"
    old = now - QUIET
    quiet = select(Checkout.org_id, Checkout.opened_at, Checkout.id).where(Checkout.opened_at <= old)
    checkouts = union(  # two reads, so that both use their partial index
        quiet.where(Checkout.state.in_(queries.OPEN_CHECKOUT)),
        quiet.join(BillingRecord, BillingRecord.checkout_id == Checkout.id).where(pending),
    )
    invoices = select(BillingRecord.org_id, BillingRecord.created_at, BillingRecord.invoice_id).where(
        pending, BillingRecord.invoice_id.is_not(None), BillingRecord.created_at <= old
    )
    items = [PendingItem(org, at, checkout_id=checkout) for org, at, checkout in session.execute(checkouts)]
    items += [PendingItem(org, at, invoice_id=invoice) for org, at, invoice in session.execute(invoices)]
    items += [PendingItem(org, at, change_id=change) for org, at, change in list_asked(session, now, QUIET)]
    items += [PendingItem(org, at, plans=True) for org, at in list_unmirrored(session, now, QUIET)]
    items.sort(key=lambda item: item.since)
    if unlimited:
        return items
    recent = [item for item in items if now - item.since < FREQUENT][-MOST:]
    older = [item for item in items if now - item.since >= FREQUENT][:MOST] if now.minute < 2 else []
    return [*reversed(recent), *older]


def resolve_pending(gw: Gateway, item: PendingItem, now: datetime) -> None:
    """Poll Stripe for one item under the org's lock and sync the response."""
    with org_lock(item.org_id):
        if item.plans:
            ensure_schedule(gw, item.org_id, now)
        elif item.change_id is not None:
            ask_stripe(gw, item.org_id, item.change_id, now)
        elif item.invoice_id is not None:
            retrieved = retrieve.invoice(gw, item.invoice_id)
            with transaction() as session:
                retrieve.sync_retrieved(session, item.org_id, retrieved, now)
        elif item.checkout_id is not None:
            _resolve_checkout(gw, item.org_id, item.checkout_id, now)


def resolve_all(gw: Gateway, items: list[PendingItem], now: datetime) -> int:
    """Poll Stripe for every item; returns how many were resolved."""
    return run_each(
        items, lambda item: resolve_pending(gw, item, now), "pending payment not resolved", stops=(StripeAway,)
    )


def _resolve_checkout(gw: Gateway, org_id: UUID, checkout_id: UUID, now: datetime) -> None:
    with transaction() as session:
        attempt = load_attempt(session, queries.get_checkout(session, org_id, checkout_id))
    checkout_session = find_session(gw, attempt, now)
    if checkout_session is not None and checkout_session.status == "complete":
        apply_checkout_session(gw, org_id, checkout_session, now)
        return
    with transaction() as session:
        if checkout_session is None:
            close_checkout(session, queries.get_checkout(session, org_id, checkout_id), "failed", _NO_SESSION, now)
        else:
            sync_checkout(session, org_id, checkout_session, now)
