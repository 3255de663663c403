"""Decides about a trial when its subscription is first seen, in the transaction that would grant the plan."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit import queue
from app.kit.actor import SYSTEM
from app.payments import billing_records
from app.payments.checkout_models import Checkout
from app.payments.models import StripeSubscription
from app.payments.trials import mails
from app.payments.trials.models import GRANTED
from app.payments.trials.uses import claim_trial
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions.states import TRIALING

END_REFUSED = "payments.end_refused_trials"


def judge_trial(session: Session, mirror: StripeSubscription, remote: RemoteSubscription, now: datetime) -> None:
    """Take the org's and the card's trial for a subscription, once; if either has had one, refuse the subscription.

    The caller holds the org's lock. A refused subscription grants nothing and is cancelled before anything is charged.
    One that staff began at Stripe is never refused; the org has had its trial then.
    """
    if remote.status != TRIALING or mirror.trial_verdict is not None:
        return
    checkout = _find_checkout(session, mirror.org_id, remote.checkout_id)
    fingerprint = remote.card.fingerprint if remote.card else None  # Checkout puts the card on the subscription
    verdict = claim_trial(session, mirror.org_id, fingerprint, now)
    if checkout is None or verdict == GRANTED:
        mirror.trial_verdict = GRANTED
        return
    mirror.trial_verdict = checkout.trial_refused = verdict
    record = billing_records.find_by_checkout(session, mirror.org_id, checkout.id)
    if record is not None:
        record.description += " (not started)"
    audit(session, SYSTEM, "trial.refused", on=("stripe_subscription", mirror.id), org_id=mirror.org_id,
          after={"known": verdict}, now=now)  # fmt: skip
    mails.queue_refused(session, checkout, verdict, now)
    queue.defer(session, END_REFUSED)


def grants_plan(mirror: StripeSubscription) -> bool:
    """Whether a subscription may grant its plan: not one whose trial was refused, unless it was paid for after all."""
    paid = mirror.ended_at is None and mirror.status != TRIALING
    return mirror.trial_verdict in {None, GRANTED} or paid


def _find_checkout(session: Session, org_id: UUID, checkout_id: UUID | None) -> Checkout | None:
    checkout = session.get(Checkout, checkout_id) if checkout_id else None
    ours = checkout is not None and checkout.org_id == org_id and checkout.trial_days is not None
    return checkout if ours else None
