"""Applies Stripe's subscription status, including its effect on the limits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.kit.actor import Actor
from app.subscriptions import events, payment_restriction
from app.subscriptions.models import Subscription

TRIALING = "trialing"
PAID = (TRIALING, "active")
OWING = ("past_due",)
KEPT = frozenset({*PAID, *OWING})
"""States in which the plan and its limits are kept."""
RECURRING = KEPT - {TRIALING}
"""States in which the fee is recurring revenue: a trial pays none yet."""
SUSPENDED = ("unpaid", "paused")
LATE = frozenset({*OWING, "unpaid"})
"""States in which a failed payment is still owed."""


def is_renewed(billing_ends_at: datetime, cancel_at: datetime | None) -> bool:
    """Whether another paid period follows the one that ends at `billing_ends_at`: a planned end may be further away."""
    return cancel_at is None or cancel_at > billing_ends_at


def apply_status(
    session: Session,
    subscription: Subscription,
    state: str,
    *,
    cancel_at: datetime | None,
    actor: Actor,
    now: datetime,
) -> None:
    """Apply the status and the planned cancellation, recording changes as events.

    Unpaid and paused restrict the org to the default plan's limits at once; payment restores its own. Past due changes
    no limits until the grace period is over.
    """
    previous, subscription.state = subscription.state, state
    period = subscription.billing_starts_at.isoformat()
    if state in OWING and previous in PAID:
        events.record_event(session, subscription, "past_due", key=period, at=now, now=now)
    if state in PAID and previous not in PAID:
        events.record_event(session, subscription, "recovered", key=period, at=now, now=now)
    if cancel_at != subscription.cancel_at:
        subscription.cancel_at = cancel_at
        kind = "cancel_planned" if cancel_at else "cancel_undone"
        events.record_event(session, subscription, kind, key=now.isoformat(), at=now, now=now)
    session.flush()
    if state in SUSPENDED:
        payment_restriction.restrict(session, subscription.org_id, now, actor=actor)
    elif state in PAID:
        payment_restriction.lift_restriction(session, subscription.org_id, now, actor=actor)
