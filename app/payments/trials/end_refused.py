"""Cancels subscriptions whose trial was refused, at once: nothing has been charged, and nothing will be."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.payments.gateway import get_gateway, payments_on
from app.payments.locks import ensure_no_transaction, org_lock
from app.payments.mirrors.sync_subscription import sync_subscription
from app.payments.models import StripeSubscription
from app.payments.trials.models import GRANTED
from app.stripe_gateway import Gateway, subscriptions
from app.subscriptions.states import TRIALING
from app.web.database import transaction
from app.web.sweeps import run_each

_MOST = 200


def end_refused_trial(gw: Gateway, org_id: UUID, subscription_id: str, now: datetime) -> None:
    """End one at Stripe and sync the answer. The caller holds the org's lock. Safe to repeat. Raises `StripeAway`."""
    ensure_no_transaction()
    remote = subscriptions.cancel(gw, subscription_id)
    with transaction() as session:
        sync_subscription(session, org_id, remote, now)


def sweep_refused_trials(now: datetime) -> int:
    """End all that still run; returns how many."""
    if not payments_on():
        return 0
    gw = get_gateway()
    with transaction() as session:
        waiting = list_refused(session)

    def end(refused: tuple[UUID, str]) -> None:
        org_id, subscription_id = refused
        with org_lock(org_id):
            end_refused_trial(gw, org_id, subscription_id, now)

    return run_each(waiting, end, "refused trial not ended")


def list_refused(session: Session, org_id: UUID | None = None) -> list[tuple[UUID, str]]:
    """List running subscriptions whose trial was refused, as (org, id); only an org's if it is given."""
    query = select(StripeSubscription.org_id, StripeSubscription.id).where(
        StripeSubscription.trial_verdict != GRANTED,
        StripeSubscription.status == TRIALING,
        StripeSubscription.ended_at.is_(None),
    )
    if org_id is not None:
        query = query.where(StripeSubscription.org_id == org_id)
    return [(row.org_id, row.id) for row in session.execute(query.limit(_MOST))]
