"""What happened to a subscription, each thing once: the lines of its history."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.kit.ids import new_id
from app.subscriptions.models import Subscription, SubscriptionEvent


def record_event(session: Session, held: Subscription, kind: str, *, key: str, at: datetime, now: datetime) -> bool:
    """Note that it happened `at`, on the plan version held now; False when it is noted already.

    `key` tells two of a kind apart: the start of the billing period for a renewal. `now` is when we learned of it.
    """
    session.flush()
    values = {
        "id": new_id(),
        "org_id": held.org_id,
        "subscription_id": held.id,
        "kind": kind,
        "key": key,
        "plan_version_id": held.plan_version_id,
        "at": at,
        "noted_at": now,
    }
    noted = insert(SubscriptionEvent).values(values).on_conflict_do_nothing().returning(SubscriptionEvent.id)
    return session.scalar(noted) is not None
