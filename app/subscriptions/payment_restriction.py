"""Restricts an organisation to the Free plan's limits when a payment is overdue past the grace period or it is paused.

What a restriction lowers is `terms.resolver`'s rule.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import SYSTEM, Actor
from app.kit.errors import Conflict, FieldError, InvalidRequest
from app.kit.fields import MOST_REASON
from app.subscriptions import events, periods, queries
from app.subscriptions.models import Subscription
from app.subscriptions.terms.restriction import find_lift_end
from app.subscriptions.terms.writer import write_terms


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
    write_terms(session, org_id, now, now)
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


def suspend_restriction(
    session: Session, org_id: UUID, until: datetime | None, reason: str, *, actor: Actor, now: datetime
) -> bool:
    """Lift the restriction until an instant, at which it returns unless it was paid; None: it holds again at once.

    Audited; False if it is lifted until then already. Takes the org's usage lock. Raises `Conflict` if the org is not
    restricted, `InvalidRequest` (no reason, an instant in the past).
    """
    _check(until, reason, now)
    periods.lock_usage(session, org_id)
    subscription = queries.find_subscription(session, org_id)
    if subscription is None or subscription.limited_at is None:
        raise Conflict("The organisation is not restricted.")
    before = find_lift_end(subscription.limited_at, subscription.restriction_lifted_until, now)
    if before == until:
        return False
    periods.ensure_period(session, org_id, now, now)
    subscription.restriction_lifted_until = until
    write_terms(session, org_id, subscription.limited_at, now)
    audit(session, actor, "subscription.restriction_lifted", on=("subscription", subscription.id), org_id=org_id,
          before={"lifted_until": before}, after={"lifted_until": until, "reason": reason.strip()},
          now=now)  # fmt: skip
    return True


def restore_limits(session: Session, subscription: Subscription, now: datetime) -> None:
    """Restore the plan's own limits, also in the periods restricted so far: late events are judged by them.

    The caller holds the org's usage lock.
    """
    since = subscription.limited_at
    if since is not None:
        periods.ensure_period(session, subscription.org_id, now, now)
        subscription.limited_at = subscription.restriction_lifted_until = None
        write_terms(session, subscription.org_id, since, now)


def _check(until: datetime | None, reason: str, now: datetime) -> None:
    errors = []
    if not 1 <= len(reason.strip()) <= MOST_REASON:
        errors.append(FieldError("reason", f"must have 1 to {MOST_REASON} characters"))
    if until is not None and until <= now:
        errors.append(FieldError("lifted_until", "must be in the future"))
    if errors:
        raise InvalidRequest("The request is not valid.", errors)
