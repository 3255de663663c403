"""An org that has not paid within the grace is held to the Free plan's limits, until it has."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import SYSTEM, Actor
from app.subscriptions import events, limits, periods, queries, realign_periods
from app.subscriptions.models import Subscription


def restrict(session: Session, org_id: UUID, now: datetime, *, actor: Actor = SYSTEM) -> bool:
    """Put the default plan's limits in force, for the running usage period and those ahead; audited, noted.

    False when they are already, or when the org has no subscription. Takes the org's usage lock. Nothing is deleted.
    """
    periods.lock_usage(session, org_id)
    held = queries.find_subscription(session, org_id)
    if held is None or held.limited_at is not None:
        return False
    periods.ensure_period(session, org_id, now, now)  # what has passed unopened was not limited
    held.limited_at = now
    _put_in_force(session, org_id, now)
    events.record_event(session, held, "limited", key=now.isoformat(), at=now, now=now)
    audit(session, actor, "subscription.limited", on=("subscription", held.id), org_id=org_id,
          before={"limited": False}, after={"limited": True}, now=now)  # fmt: skip
    return True


def lift_restriction(session: Session, org_id: UUID, now: datetime, *, actor: Actor = SYSTEM) -> bool:
    """Give the plan's own limits back, audited; False when the org is not limited. Takes the org's usage lock."""
    periods.lock_usage(session, org_id)
    held = queries.find_subscription(session, org_id)
    if held is None or held.limited_at is None:
        return False
    restore_limits(session, held, now)
    audit(session, actor, "subscription.unlimited", on=("subscription", held.id), org_id=org_id,
          before={"limited": True}, after={"limited": False}, now=now)  # fmt: skip
    return True


def restore_limits(session: Session, held: Subscription, now: datetime) -> None:
    """Put the plan's own limits in force again, also in the periods that have passed meanwhile: it is one bill.

    The caller holds the org's usage lock.
    """
    since = held.limited_at
    if since is not None:
        periods.ensure_period(session, held.org_id, now, now)
        held.limited_at = None
        _put_in_force(session, held.org_id, since)


def _put_in_force(session: Session, org_id: UUID, since: datetime) -> None:
    """Replace the limits of every period that ends after `since` by those that hold now."""
    session.flush()
    starts = [each.starts_at for each in queries.list_periods(session, org_id, since, since + realign_periods.EVER)]
    limits.replace_limits(session, org_id, starts, periods.get_period_terms(session, org_id).basis)
