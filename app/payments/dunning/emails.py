"""The letters about money: which template, with which facts. Each is keyed, so that it leaves once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.money import exponent, to_major
from app.notifications.service import notify
from app.payments import queries
from app.payments.models import BillingRecord, Dunning, StripeSubscription
from app.subscriptions import queries as subscriptions
from app.subscriptions.models import Subscription
from app.web.filters import brand, estimate


def queue_receipt(session: Session, record: BillingRecord, now: datetime) -> None:
    """A receipt for a completed billing record of the first payment or of a renewal. One a record."""
    facts = {
        "what": record.description,
        "amount": _amount(record.amount, record.currency),
        "card": f"{brand(record.card_brand)} ending in {record.card_last4}" if record.card_last4 else None,
        "at": record.settled_at or now,
        "first": record.reason == "subscription_start",
    }
    notify(session, record.org_id, "payment_received", facts, key=str(record.id), now=now)


def queue_plan_ended(session: Session, org_id: UUID, subscription_id: UUID, now: datetime) -> None:
    """The subscription (ours) is over and the Free plan holds. One a subscription."""
    held = subscriptions.get_subscription(session, org_id, subscription_id)
    facts = {"plan": _plan(session, held), "free": _free(session), "at": held.ended_at or now}
    notify(session, org_id, "subscription_ended", facts, key=str(subscription_id), now=now)


def queue_reminder(session: Session, row: Dunning, template: str, number: int, now: datetime) -> None:
    """The mail of a step of a dunning: `payment_failed`, `payment_reminder` or `grace_over`."""
    facts = _dunning(session, row) | {"free": _free(session), "limited_at": row.grace_ends_at}
    notify(session, row.org_id, template, facts, key=f"{row.id}:{number}", now=now)


def queue_recovered(session: Session, row: Dunning, now: datetime) -> None:
    """All is paid after a dunning that mails told of."""
    facts = {"plan": _dunning(session, row)["plan"], "was_limited": row.limited_at is not None}
    notify(session, row.org_id, "payment_recovered", facts, key=str(row.id), now=now)


def _dunning(session: Session, row: Dunning) -> dict[str, Any]:
    """The plan that is to be paid, and how much, where we know it already."""
    theirs = session.get_one(StripeSubscription, row.stripe_subscription_id)
    held_id = theirs.subscription_id
    held = subscriptions.get_subscription(session, row.org_id, held_id) if held_id else None
    owed = queries.owed(session, row.org_id)
    return {
        "plan": _plan(session, held) if held else "your plan",
        "amount": _amount(owed.amount_remaining, owed.currency) if owed else None,
    }


def _plan(session: Session, held: Subscription) -> str:
    version = catalog.find_version(session, held.plan_version_id)
    if version is None:
        raise RuntimeError(f"subscription {held.id} names no version")
    return f"the {version.plan.name} plan"


def _free(session: Session) -> str:
    version = catalog.find_default_version(session)
    return f"the {version.plan.name} plan" if version else "the default plan"


def _amount(minor: int, currency: str) -> str:
    return estimate(to_major(minor, exponent(currency)), currency)
