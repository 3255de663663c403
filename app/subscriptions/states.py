"""The state of a subscription as Stripe has it, and what follows from it for the limits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.kit.actor import Actor
from app.subscriptions import events, payment_restriction
from app.subscriptions.models import Subscription

PAID = ("trialing", "active")
OWING = ("past_due",)
SUSPENDED = ("unpaid", "paused")


def apply_status(
    session: Session, held: Subscription, state: str, *, cancels: bool, actor: Actor, now: datetime
) -> None:
    """Take over state and planned cancellation, and note what is new in them.

    Unpaid and paused hold the org to the default plan's limits at once; payment gives its own back. Past due changes
    no limit: the grace does, when it is over.
    """
    was, held.state = held.state, state
    period = held.billing_starts_at.isoformat()
    if state in OWING and was in PAID:
        events.record_event(session, held, "past_due", key=period, at=now, now=now)
    if state in PAID and was not in PAID:
        events.record_event(session, held, "recovered", key=period, at=now, now=now)
    if cancels != held.cancel_at_period_end:
        held.cancel_at_period_end = cancels
        kind = "cancel_planned" if cancels else "cancel_undone"
        events.record_event(session, held, kind, key=now.isoformat(), at=now, now=now)
    session.flush()
    if state in SUSPENDED:
        payment_restriction.restrict(session, held.org_id, now, actor=actor)
    elif state in PAID:
        payment_restriction.lift_restriction(session, held.org_id, now, actor=actor)
