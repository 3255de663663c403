"""Asking Stripe about what nothing was heard of: checkouts that are open, and records that are pending still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, union
from sqlalchemy.orm import Session

from app.payments import queries
from app.payments.checkout.attempts import load_attempt
from app.payments.checkout.fulfil import apply_checkout_session
from app.payments.checkout.sessions import find_session
from app.payments.locks import org_lock
from app.payments.mirrors import retrieve
from app.payments.mirrors.sync_checkout import close_checkout, sync_checkout
from app.payments.models import BillingRecord, Checkout
from app.stripe_gateway import Gateway
from app.stripe_gateway.errors import StripeAway
from app.web.database import transaction

QUIET = timedelta(minutes=2)
OFTEN = timedelta(hours=1)
"""So long a checkout is asked about at each run; after that once an hour, for Stripe keeps it open for a day."""
MOST = 200
_NEVER = "Stripe has no page for it."

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PendingItem:
    """Something of an org that waits for Stripe's word: a checkout, or an invoice."""

    org_id: UUID
    since: datetime
    checkout_id: UUID | None = None
    invoice_id: str | None = None


def list_pending(session: Session, now: datetime, *, all_of_them: bool = False) -> list[PendingItem]:
    """What is to be asked about now: quiet for two minutes, and later once an hour; at most 200, the oldest first.

    `all_of_them`: every one that is quiet, however many.
    """
    pending = BillingRecord.state == "pending"
    old = now - QUIET
    quiet = select(Checkout.org_id, Checkout.opened_at, Checkout.id).where(Checkout.opened_at <= old)
    visits = union(  # two reads, so that each has its partial index
        quiet.where(Checkout.state.in_(queries.OPEN_CHECKOUT)),
        quiet.join(BillingRecord, BillingRecord.checkout_id == Checkout.id).where(pending),
    ).order_by("opened_at")
    bills = select(BillingRecord.org_id, BillingRecord.created_at, BillingRecord.invoice_id).where(
        pending, BillingRecord.invoice_id.is_not(None), BillingRecord.created_at <= old
    )
    found = [PendingItem(org, at, checkout_id=each) for org, at, each in session.execute(visits)]
    found += [PendingItem(org, at, invoice_id=each) for org, at, each in session.execute(bills)]
    if all_of_them:
        return found
    return [each for each in found if now - each.since < OFTEN or now.minute < 2][:MOST]


def resolve_pending(gw: Gateway, each: PendingItem, now: datetime) -> None:
    """Ask about one, under the org's lock, and write down the answer."""
    with org_lock(each.org_id):
        if each.invoice_id is not None:
            found = retrieve.invoice(gw, each.invoice_id)
            with transaction() as session:
                retrieve.sync_retrieved(session, each.org_id, found, now)
        elif each.checkout_id is not None:
            _ask_checkout(gw, each.org_id, each.checkout_id, now)


def resolve_all(gw: Gateway, chosen: list[PendingItem], now: datetime) -> int:
    """Ask about each; one that fails stops none of the others. Returns how many answers came."""
    answered = 0
    for each in chosen:
        try:
            resolve_pending(gw, each, now)
            answered += 1
        except StripeAway:
            log.warning("stripe is away; asked again at the next run", left=len(chosen) - answered)
            break
        except Exception as error:  # noqa: BLE001  (whatever it was, the others are asked)
            log.warning("not answered", org_id=str(each.org_id), checkout=str(each.checkout_id),
                        invoice=each.invoice_id, error=type(error).__name__)  # fmt: skip
    return answered


def _ask_checkout(gw: Gateway, org_id: UUID, checkout_id: UUID, now: datetime) -> None:
    with transaction() as session:
        visit = load_attempt(session, queries.get_checkout(session, org_id, checkout_id))
    found = find_session(gw, visit, now)
    if found is not None and found.status == "complete":
        apply_checkout_session(gw, org_id, found, now)
        return
    with transaction() as session:
        if found is None:
            close_checkout(session, queries.get_checkout(session, org_id, checkout_id), "failed", _NEVER, now)
        else:
            sync_checkout(session, org_id, found, now)
