"""Records the events of a subscription's history, once each, and lists those that were just recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.ids import new_id
from app.subscriptions.models import Subscription, SubscriptionEvent


def record_event(
    session: Session, subscription: Subscription, kind: str, *, key: str, at: datetime, now: datetime
) -> bool:
    """Record an event at `at` on the current plan version; False if already recorded.

    `key` distinguishes events of a kind: for a renewal, the start of the billing period. `now` is when we heard of it.
    """
    session.flush()
    values = {
        "id": new_id(),
        "org_id": subscription.org_id,
        "subscription_id": subscription.id,
        "kind": kind,
        "key": key,
        "plan_version_id": subscription.plan_version_id,
        "at": at,
        "noted_at": now,
    }
    statement = insert(SubscriptionEvent).values(values).on_conflict_do_nothing().returning(SubscriptionEvent.id)
    return session.scalar(statement) is not None


def list_noted(session: Session, org_id: UUID, kinds: Iterable[str], now: datetime) -> Sequence[SubscriptionEvent]:
    """List the events of some kinds that were recorded for an org at `now`, in order."""
    query = select(SubscriptionEvent).where(
        SubscriptionEvent.org_id == org_id, SubscriptionEvent.noted_at == now, SubscriptionEvent.kind.in_(list(kinds))
    )
    return session.scalars(query.order_by(SubscriptionEvent.id)).all()
