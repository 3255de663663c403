"""Cancelling at the period's end, and taking it back: Stripe first, then what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.gateway import get_gateway
from app.payments.locks import org_lock
from app.payments.mirrors.sync_subscription import sync_subscription
from app.stripe_gateway import subscriptions as stripe_subscriptions
from app.subscriptions import queries as subscriptions
from app.web.database import transaction


@dataclass(frozen=True, slots=True)
class _Running:
    """The subscription at Stripe, as our mirror has it."""

    id: str
    planned: bool


def cancel_at_period_end(org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Let the paid plan end with the period that is paid for; False when that was planned already. Audited.

    Opens its own transactions. Raises `Conflict` (nothing that Stripe collects runs), `Unavailable`.
    """
    return _set(org_id, planned=True, actor=actor, now=now)


def undo_cancel(org_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Let the paid plan run on; False when no end was planned. Audited. Raises as `cancel_at_period_end` does."""
    return _set(org_id, planned=False, actor=actor, now=now)


def _set(org_id: UUID, *, planned: bool, actor: Actor, now: datetime) -> bool:
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        with transaction() as session:
            running = _running(session, org_id)
        if running.planned == planned:
            return False
        # To set what is set already does no harm, so every click may have a key of its own; a fixed one would replay
        # the first answer to who cancels, takes it back and cancels again.
        found = stripe_subscriptions.set_cancel_at_period_end(gw, running.id, planned, key=f"cancel-{new_hex()}")
        with transaction() as session:
            mirror = sync_subscription(session, org_id, found, now)
            action = "subscription.cancel_planned" if planned else "subscription.cancel_undone"
            audit(session, actor, action, on=("subscription", mirror.subscription_id or mirror.id), org_id=org_id,
                  before={"cancel_at_period_end": not planned}, after={"cancel_at_period_end": planned},
                  now=now)  # fmt: skip
    return True


def _running(session: Session, org_id: UUID) -> _Running:
    mirror = queries.find_open_subscription(session, org_id)
    if mirror is not None:
        return _Running(mirror.id, mirror.cancel_at_period_end)
    held = subscriptions.find_subscription(session, org_id)
    if held is not None and held.collection == "offline":
        raise Conflict("We send the invoices of your plan ourselves. Write to us to end it.")
    raise Conflict("There is no paid plan to cancel.")
