"""Finds out what became of a change whose answer was lost: Stripe is asked, never charged again.

Stripe's subscription tells: it has the new price, a pending update to it, or neither. A call may be running at Stripe
for a while after we lost it; later than that, neither means that it was not done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.kit.errors import Conflict
from app.payments.gateway import IN_FLIGHT
from app.payments.mirrors import retrieve
from app.payments.mirrors.retrieve import Retrieved
from app.payments.plan_changes import attempts
from app.payments.plan_changes.case import find_open_attempt
from app.payments.plan_changes.models import PlanChangeAttempt
from app.stripe_gateway import Gateway, subscriptions
from app.stripe_gateway.errors import StripeAway
from app.stripe_gateway.types import RemoteSubscription
from app.web.database import transaction

_ASKED = "We are finding out what became of your last change of plan. Nothing more was charged. Try again in a minute."


def list_asked(session: Session, now: datetime, quiet: timedelta) -> list[tuple[UUID, datetime, UUID]]:
    """List changes of which nothing was heard for a while: organisation, when it was asked for, id."""
    query = select(PlanChangeAttempt.org_id, PlanChangeAttempt.asked_at, PlanChangeAttempt.id).where(
        PlanChangeAttempt.state == "asked", PlanChangeAttempt.asked_at <= now - quiet
    )
    return [(org_id, at, change_id) for org_id, at, change_id in session.execute(query)]


def ask_stripe(gw: Gateway, org_id: UUID, change_id: UUID, now: datetime, *, settles: bool = False) -> str:
    """Ask what became of a change and sync it; returns its state. The caller holds the org's lock.

    One that Stripe has not made is dropped with `settles`, or once its call cannot be running any more.
    """
    with transaction() as session:
        stripe_id = attempts.get_attempt(session, org_id, change_id).stripe_subscription_id
    sync_change(gw, org_id, subscriptions.retrieve(gw, stripe_id), now)
    with transaction() as session:
        row = attempts.get_attempt(session, org_id, change_id)
        if settles or now - row.asked_at >= IN_FLIGHT:
            attempts.drop_attempt(session, row, attempts.NOT_DONE, now)
        return row.state


def sync_change(gw: Gateway, org_id: UUID, remote: RemoteSubscription, now: datetime) -> None:
    """Sync a subscription just changed or retrieved, with its latest invoice, which tells what its payment came to.

    If the invoice cannot be read now, its events and the next reconciliation will tell.
    """
    try:
        paid = (retrieve.invoice_only(gw, remote.latest_invoice_id),) if remote.latest_invoice_id else ()
    except StripeAway:
        paid = ()
    with transaction() as session:
        retrieve.sync_retrieved(session, org_id, Retrieved(None, (remote,), paid), now)


def ensure_nothing_asked(session: Session, org_id: UUID) -> None:
    """Raise `Conflict` while the outcome of another change is unknown."""
    if find_open_attempt(session, org_id) is not None:
        raise Conflict(_ASKED)
