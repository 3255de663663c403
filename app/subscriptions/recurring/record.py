"""Records what an organisation is charged on a recurring basis whenever that changes. The caller has the usage lock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.subscriptions.models import Subscription
from app.subscriptions.recurring.facts import RecurringDiscount, RecurringFee, store_discounts, store_fees
from app.subscriptions.recurring.models import RecurringCharge


def record_charge(
    session: Session, subscription: Subscription, *, fees: Iterable[RecurringFee] = (),
    discounts: Iterable[RecurringDiscount] = (), paused: bool = False, at: datetime, now: datetime,
) -> bool:  # fmt: skip
    """Record what a subscription costs from `at` on; False if that is what was noted last.

    One that has ended costs nothing, whatever its fees were.
    """
    session.flush()
    ended = subscription.ended_at is not None
    facts: dict[str, Any] = {
        "subscription_id": subscription.id,
        "plan_version_id": subscription.plan_version_id,
        "state": subscription.state,
        "collection": subscription.collection,
        "currency": subscription.currency,
        "fees": [] if ended else store_fees(fees),
        "discounts": [] if ended else store_discounts(discounts),
        "paused": paused and not ended,
        "trial_ends_at": subscription.trial_ends_at,
        "cancel_at": subscription.cancel_at,
    }
    last = find_last_charge(session, subscription.org_id)
    if last is not None and all(getattr(last, name) == value for name, value in facts.items()):
        return False
    session.add(RecurringCharge(org_id=subscription.org_id, starts_at=at, noted_at=now, **facts))
    session.flush()
    return True


def find_last_charge(session: Session, org_id: UUID) -> RecurringCharge | None:
    """Find what was noted last of an org."""
    query = select(RecurringCharge).where(RecurringCharge.org_id == org_id).order_by(RecurringCharge.id.desc())
    return session.scalars(query.limit(1)).first()
