"""Ends a second subscription of an org at Stripe, which is charged for nothing. The plan in force is not affected."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.errors import Conflict
from app.payments import queries
from app.payments.gateway import get_gateway
from app.payments.locks import ensure_no_transaction, org_turn
from app.payments.mirrors.sync_subscription import sync_subscription
from app.stripe_gateway import subscriptions
from app.web.database import transaction

_NOT_SECOND = "This subscription has ended, or it is the one that pays for the plan. Nothing was changed."


def end_second_subscription(org_id: UUID, subscription_id: str, *, actor: Actor, now: datetime) -> None:
    """End one of two running subscriptions at once, without a refund. Audited before Stripe is called.

    Opens its own transactions. Raises `Conflict` (not a second one, or no longer), `Unavailable` (Stripe away; safe to
    repeat).
    """
    gw = get_gateway()
    with org_turn(gw, org_id):
        with transaction() as session:
            if not queries.is_second_subscription(session, org_id, subscription_id):
                raise Conflict(_NOT_SECOND)
            audit(session, actor, "subscription.second_ended", on=("stripe_subscription", subscription_id),
                  org_id=org_id, now=now)  # fmt: skip
        ensure_no_transaction()
        remote = subscriptions.cancel(gw, subscription_id)
        with transaction() as session:
            sync_subscription(session, org_id, remote, now)
