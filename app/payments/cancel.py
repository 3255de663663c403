"""Schedules and undoes cancellation at the end of the period: changes Stripe first, then syncs the response."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import Conflict, DomainError
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.gateway import get_gateway
from app.payments.locks import org_turn
from app.payments.mirrors.sync_subscription import sync_subscription
from app.payments.plan_changes.schedule import put_aside, try_schedule
from app.stripe_gateway import Gateway
from app.stripe_gateway import subscriptions as stripe_subscriptions
from app.stripe_gateway.errors import StripeAway
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions import queries as subscriptions
from app.subscriptions.changes.models import REPLACED
from app.subscriptions.changes.planned import end_planned, find_planned
from app.subscriptions.states import is_renewed
from app.web.database import transaction


@dataclass(frozen=True, slots=True)
class _Running:
    """The running Stripe subscription, as mirrored; `cancel_at` is its planned end, if any."""

    id: str
    period_end: datetime
    cancel_at: datetime | None

    @property
    def ends_in_time(self) -> bool:
        """Whether it ends with the paid period already, or before."""
        return not is_renewed(self.period_end, self.cancel_at)


def cancel_at_period_end(org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """End the paid plan with its paid period; False if already scheduled. Audited.

    Opens its own transactions. Raises `Conflict` (no subscription collected by Stripe), `Unavailable`.
    """
    return _set_cancellation(org_id, cancels=True, actor=actor, now=now)


def undo_cancel(org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Keep the paid plan running, whoever planned its end and how; False if none was planned. Audited.

    Raises as `cancel_at_period_end` does.
    """
    return _set_cancellation(org_id, cancels=False, actor=actor, now=now)


def _set_cancellation(org_id: UUID, *, cancels: bool, actor: Actor, now: datetime) -> bool:
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            running = _get_running(session, org_id)
        if running.ends_in_time if cancels else running.cancel_at is None:
            return False
        put_aside(gw, org_id, now)  # a schedule decides how the subscription ends
        remote = _change_at_stripe(gw, org_id, running.id, cancels=cancels, now=now)
        with transaction() as session:
            planned = find_planned(session, org_id)
            if planned is not None:
                end_planned(session, planned, REPLACED, now, actor=actor)
            mirror = sync_subscription(session, org_id, remote, now)
            action = "subscription.cancel_planned" if cancels else "subscription.cancel_undone"
            audit(session, actor, action, on=("subscription", mirror.subscription_id or mirror.id), org_id=org_id,
                  before={"cancel_at": running.cancel_at}, after={"cancel_at": mirror.cancel_at}, now=now)  # fmt: skip
    return True


def _change_at_stripe(gw: Gateway, org_id: UUID, subscription_id: str, *, cancels: bool, now: datetime
                      ) -> RemoteSubscription:  # fmt: skip
    """Plan the end, or clear it. How it was planned is asked first: the mirror may be behind.

    What is refused leaves a planned change as it was; after a lost answer, the sweep finds out about both.
    """
    # Setting the same value twice is harmless, so every click gets its own key. A fixed key would replay the first
    # response to someone who cancels, undoes it and cancels again.
    key = f"cancel-{new_hex()}"
    try:
        if cancels:
            return stripe_subscriptions.cancel_at_period_end(gw, subscription_id, key=key)
        return stripe_subscriptions.clear_cancellation(gw, stripe_subscriptions.retrieve(gw, subscription_id), key=key)
    except StripeAway:
        raise
    except DomainError:
        try_schedule(gw, org_id, now)
        raise


def _get_running(session: Session, org_id: UUID) -> _Running:
    mirror = queries.find_open_subscription(session, org_id)
    if mirror is not None:
        return _Running(mirror.id, mirror.period_end, mirror.cancel_at)
    current = subscriptions.find_subscription(session, org_id)
    if current is not None and current.collection == "offline":
        raise Conflict("Your plan is billed by invoice. Contact us to cancel it.")
    raise Conflict("You have no paid plan to cancel.")
