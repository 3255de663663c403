"""Restricts an organisation to the Free plan's limits when a payment is overdue past the grace period."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import SYSTEM, Actor
from app.subscriptions import events, limits, periods, queries, realign_periods
from app.subscriptions.models import Subscription


def restrict(session: Session, org_id: UUID, now: datetime, *, actor: Actor = SYSTEM) -> bool:
    """Apply the default plan's limits to the current usage period and those ahead. Audited; recorded as an event.

    False if the org is restricted already or has no subscription. Takes the org's usage lock. Deletes no data.
    """
    periods.lock_usage(session, org_id)
    subscription = queries.find_subscription(session, org_id)
    if subscription is None or subscription.limited_at is not None:
        return False
    periods.ensure_period(session, org_id, now, now)  # past periods not opened yet are not restricted
    subscription.limited_at = now
    _replace_limits(session, org_id, now)
    events.record_event(session, subscription, "limited", key=now.isoformat(), at=now, now=now)
    audit(session, actor, "subscription.limited", on=("subscription", subscription.id), org_id=org_id,
          before={"limited": False}, after={"limited": True}, now=now)  # fmt: skip
    return True


def lift_restriction(session: Session, org_id: UUID, now: datetime, *, actor: Actor = SYSTEM) -> bool:
    """Restore the plan's own limits, audited; False if the org is not restricted. Takes the org's usage lock."""
    periods.lock_usage(session, org_id)
    subscription = queries.find_subscription(session, org_id)
    if subscription is None or subscription.limited_at is None:
        return False
    restore_limits(session, subscription, now)
    audit(session, actor, "subscription.unlimited", on=("subscription", subscription.id), org_id=org_id,
          before={"limited": True}, after={"limited": False}, now=now)  # fmt: skip
    return True


def restore_limits(session: Session, subscription: Subscription, now: datetime) -> None:
    """Restore the plan's own limits, also in the periods restricted so far, since they are billed as usual.

    The caller holds the org's usage lock.
    """
    since = subscription.limited_at
    if since is not None:
        periods.ensure_period(session, subscription.org_id, now, now)
        subscription.limited_at = None
        _replace_limits(session, subscription.org_id, since)


def _replace_limits(session: Session, org_id: UUID, since: datetime) -> None:
    """Replace the limits of every period that ends after `since` with those that apply now."""
    session.flush()
    starts = [period.starts_at for period in queries.list_periods(session, org_id, since, since + realign_periods.EVER)]
    limits.replace_limits(session, org_id, starts, periods.get_period_terms(session, org_id).basis)
