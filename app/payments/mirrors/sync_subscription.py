"""The mirror of a subscription; our subscription, its usage and its dunning follow it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.kit.periods import Period
from app.metering.verification.recount import recount
from app.payments import queries
from app.payments.dunning import emails, schedule
from app.payments.errors import NotOurs, UnknownPrice
from app.payments.mirrors.sync_customer import set_card
from app.payments.models import StripeCustomer, StripePrice, StripeSubscription
from app.stripe_gateway.types import RemoteSubscription
from app.subscriptions import queries as subscriptions
from app.subscriptions.sync_from_stripe import StripeFacts, sync_from_stripe

OVER = frozenset({"canceled", "incomplete_expired"})
HEALTHY = frozenset({"active", "trialing"})


def sync_subscription(session: Session, org_id: UUID, found: RemoteSubscription, now: datetime) -> StripeSubscription:
    """Write the subscription down as Stripe has it, bring ours in line, recount usage where periods moved.

    The customer's mirror must stand (see `sync_customer`). One that is over stays so. Raises `UnknownPrice` (nothing
    is written), `NotOurs`.
    """
    price = queries.find_price(session, found.price_id)
    if price is None:
        raise UnknownPrice(f"Price {found.price_id} of {found.id} is no plan's; run `flask catalog push`.")
    mirror = _mirror(session, org_id, found)
    if mirror.ended_at is not None and found.status not in OVER:
        return mirror
    _write(mirror, found, now)
    session.flush()
    _show_card(session, mirror, found)
    _follow(session, mirror, price, now)
    if mirror.ended_at is not None:
        _succeed(session, org_id, now)
    _tell(session, mirror, now)
    return mirror


def _follow(session: Session, mirror: StripeSubscription, price: StripePrice, now: datetime) -> None:
    change = sync_from_stripe(session, mirror.org_id, _facts(mirror, price), actor=SYSTEM, now=now)
    mirror.subscription_id = change.subscription_id or mirror.subscription_id
    session.flush()
    if change.recount_from is not None:
        recount(session, mirror.org_id, change.recount_from, now)


def _succeed(session: Session, org_id: UUID, now: datetime) -> None:
    """A second one, bought beside the first, has granted nothing so far; it is paid for, so now it does."""
    second = queries.find_open_subscription(session, org_id)
    price = queries.find_price(session, second.price_id) if second else None
    if second is not None and second.subscription_id is None and price is not None:
        _follow(session, second, price, now)
        _tell(session, second, now)


def _mirror(session: Session, org_id: UUID, found: RemoteSubscription) -> StripeSubscription:
    mirror = session.get(StripeSubscription, found.id)
    if mirror is None:
        if found.org_id not in {None, org_id}:
            raise NotOurs(f"Subscription {found.id} names another organisation.")
        mirror = StripeSubscription(id=found.id, org_id=org_id, created_at=found.created_at)
        session.add(mirror)
    if mirror.org_id != org_id:
        raise NotOurs(f"Subscription {found.id} belongs to another organisation.")
    return mirror


def _write(mirror: StripeSubscription, found: RemoteSubscription, now: datetime) -> None:
    mirror.customer_id = found.customer_id
    mirror.status = found.status
    mirror.item_id = found.item_id
    mirror.price_id = found.price_id
    mirror.period_start, mirror.period_end = found.period_start, found.period_end
    mirror.anchor_at = found.anchor_at
    mirror.cancel_at = found.cancel_at
    mirror.cancel_at_period_end = found.cancel_at_period_end
    mirror.latest_invoice_id = found.latest_invoice_id
    mirror.ended_at = _ended_at(found, now)
    mirror.synced_at = now


def _ended_at(found: RemoteSubscription, now: datetime) -> datetime | None:
    if found.status not in OVER:
        return None
    return found.ended_at or found.canceled_at or now


def _show_card(session: Session, mirror: StripeSubscription, found: RemoteSubscription) -> None:
    """Its invoices are charged to its own card before its customer's."""
    customer = session.get(StripeCustomer, mirror.customer_id)
    if customer is not None and customer.deleted_at is None and found.card is not None and mirror.ended_at is None:
        set_card(customer, found.card)


def _facts(mirror: StripeSubscription, price: StripePrice) -> StripeFacts:
    return StripeFacts(
        ref=mirror.id,
        state=mirror.status,
        plan_version_id=price.plan_version_id,
        interval=price.interval,
        currency=price.currency,
        anchor_at=mirror.anchor_at,
        started_at=mirror.created_at,
        billing=Period(mirror.period_start, mirror.period_end),
        cancel_at_period_end=mirror.cancel_at_period_end,
        ended_at=mirror.ended_at,
        ours=mirror.subscription_id,
    )


def _tell(session: Session, mirror: StripeSubscription, now: datetime) -> None:
    """Dunning hangs on the state: it begins with past due, and ends with payment or with the subscription."""
    if mirror.status == "past_due":
        schedule.open_dunning(session, mirror, now)
    elif mirror.status in HEALTHY:
        schedule.close_dunning(session, mirror, "recovered", now)
    elif mirror.ended_at is not None:
        schedule.close_dunning(session, mirror, "ended", now)
        over = subscriptions.find_subscription(session, mirror.org_id) is None  # else another plan holds already
        if mirror.subscription_id is not None and over:
            emails.queue_plan_ended(session, mirror.org_id, mirror.subscription_id, now)
