"""Tells organisations that their trial ends soon. Read from our own rows: Stripe's event of it may never come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.payments.models import StripeSubscription
from app.payments.trials import mails
from app.subscriptions.states import TRIALING

BEFORE = timedelta(days=3)
"""How long before its end. Of a shorter trial the email comes at its start."""


def list_ending(session: Session, now: datetime, limit: int) -> Sequence[str]:
    """List the subscriptions whose trial ends within three days, whose org was not told of that end."""
    query = select(StripeSubscription.id).where(*_untold(), StripeSubscription.trial_ends_at.between(now, now + BEFORE))
    return session.scalars(query.order_by(StripeSubscription.trial_ends_at).limit(limit)).all()


def find_next_ending(session: Session, after: datetime, until: datetime) -> datetime | None:
    """When the next such email is due, if that is after `after` and by `until`."""
    ends = StripeSubscription.trial_ends_at
    ahead = select(func.min(ends)).where(*_untold(), ends > after + BEFORE, ends <= until + BEFORE)
    end = session.scalar(ahead)
    return None if end is None else end - BEFORE


def tell_ending(session: Session, subscription_id: str, now: datetime) -> bool:
    """Queue the email, once per end; False if there is nothing to tell any more."""
    locked = select(StripeSubscription).where(StripeSubscription.id == subscription_id, *_untold()).with_for_update()
    mirror = session.scalars(locked).one_or_none()
    if mirror is None or mirror.trial_ends_at is None or not now <= mirror.trial_ends_at <= now + BEFORE:
        return False
    mails.queue_ending(session, mirror, now)
    mirror.trial_told_for = mirror.trial_ends_at
    session.flush()
    return True


def _untold() -> list[ColumnElement[bool]]:
    """A running trial that grants its plan and is not planned to end in Free anyway."""
    mirror = StripeSubscription
    return [
        mirror.status == TRIALING,
        mirror.ended_at.is_(None),
        mirror.subscription_id.is_not(None),
        mirror.trial_told_for.is_distinct_from(mirror.trial_ends_at),
        or_(mirror.cancel_at.is_(None), mirror.cancel_at > mirror.trial_ends_at),
    ]
