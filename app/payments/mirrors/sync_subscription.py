"""Syncs the mirror of a subscription, then our subscription, its usage and its dunning.

Only the plan depends on the price. A price that staff made by hand at Stripe names no plan: then the plan stays as it
is, and status, end, periods, card and dunning are followed as ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.kit.actor import SYSTEM
from app.kit.money import plain
from app.kit.periods import Period
from app.metering.verification.move import move_usage
from app.payments import queries
from app.payments.dunning import emails, schedule
from app.payments.errors import NotOurs
from app.payments.mirrors.retrieved import mark_retrieved
from app.payments.mirrors.sync_customer import set_card
from app.payments.models import StripeCustomer, StripePrice, StripeSubscription
from app.payments.plan_changes.attempts import drop_unmirrored, settle_attempts
from app.payments.plan_changes.emails import queue_change_emails
from app.payments.trials.judge import grants_plan, judge_trial
from app.stripe_gateway.types import RemoteDiscount, RemoteSubscription
from app.subscriptions import queries as subscriptions
from app.subscriptions.models import Subscription
from app.subscriptions.recurring.facts import RecurringFee, read_discounts, read_fees, store_fees
from app.subscriptions.states import OWING, PAID
from app.subscriptions.sync_from_stripe import OVER, StripeFacts, sync_from_stripe


def sync_subscription(session: Session, org_id: UUID, remote: RemoteSubscription, now: datetime) -> StripeSubscription:
    """Sync the subscription and its dunning, with their emails. Raises as `mirror_subscription`."""
    mirror = mirror_subscription(session, org_id, remote, now)
    update_dunning(session, mirror, now)
    queue_change_emails(session, org_id, now)
    return mirror


def mirror_subscription(
    session: Session, org_id: UUID, remote: RemoteSubscription, now: datetime
) -> StripeSubscription:
    """Sync the subscription, apply it to ours, and move usage where periods moved.

    `update_dunning` and the emails about changes are to follow, once what is known of its invoices is synced too. The
    customer must be mirrored already (`sync_customer`). An ended subscription stays ended. Raises `NotOurs`.
    """
    mirror = _ensure_mirror(session, org_id, remote)
    if mirror.ended_at is not None and remote.status not in OVER:
        return mirror
    _copy_fields(mirror, remote, now)
    session.flush()
    judge_trial(session, mirror, remote, now)
    settle_attempts(session, mirror, now)
    _set_customer_card(session, mirror, remote)
    _apply(session, mirror, now)
    drop_unmirrored(session, mirror, now)
    if mirror.ended_at is not None:
        _activate_second(session, org_id, now)
    return mirror


def _apply(session: Session, mirror: StripeSubscription, now: datetime) -> None:
    terms = _find_terms(session, mirror)
    if terms is None or not grants_plan(mirror):
        return
    change = sync_from_stripe(session, mirror.org_id, _build_facts(mirror, terms), actor=SYSTEM, now=now)
    mirror.subscription_id = change.subscription_id or mirror.subscription_id
    session.flush()
    if change.moved_from is not None:
        move_usage(session, mirror.org_id, change.moved_from, now)


def _find_terms(session: Session, mirror: StripeSubscription) -> StripePrice | Subscription | None:
    """What the subscription pays for: the plan of its price; if that is unknown, the plan that it has here, if any."""
    price = queries.find_price(session, mirror.price_id)
    if price is not None or mirror.subscription_id is None:
        return price
    return subscriptions.get_subscription(session, mirror.org_id, mirror.subscription_id)


def _activate_second(session: Session, org_id: UUID, now: datetime) -> None:
    """Apply a second subscription bought alongside the first. It granted nothing until now, but it is paid for."""
    second = queries.find_open_subscription(session, org_id)
    if second is not None and second.subscription_id is None:
        _apply(session, second, now)
        update_dunning(session, second, now)


def _ensure_mirror(session: Session, org_id: UUID, remote: RemoteSubscription) -> StripeSubscription:
    mirror = session.get(StripeSubscription, remote.id)
    if mirror is None:
        if remote.org_id not in {None, org_id}:
            raise NotOurs(f"Subscription {remote.id} names another organisation.")
        mirror = StripeSubscription(id=remote.id, org_id=org_id, created_at=remote.created_at)
        session.add(mirror)
    if mirror.org_id != org_id:
        raise NotOurs(f"Subscription {remote.id} belongs to another organisation.")
    return mirror


def _copy_fields(mirror: StripeSubscription, remote: RemoteSubscription, now: datetime) -> None:
    mirror.customer_id = remote.customer_id
    mirror.status = remote.status
    mirror.item_id = remote.item_id
    mirror.price_id = remote.price_id
    mirror.period_start, mirror.period_end = remote.period_start, remote.period_end
    mirror.anchor_at = remote.anchor_at
    mirror.cancel_at = remote.cancel_at
    mirror.cancel_at_period_end = remote.cancel_at_period_end
    mirror.latest_invoice_id = remote.latest_invoice_id
    mirror.trial_starts_at, mirror.trial_ends_at = remote.trial_starts_at, remote.trial_ends_at
    mirror.collection_paused = remote.collection_paused
    mirror.pending_price_id, mirror.pending_expires_at = remote.pending_price_id, remote.pending_expires_at
    mirror.schedule_id = remote.schedule_id
    mirror.quantity, mirror.item_count = remote.quantity, remote.item_count
    mirror.discounts = [_describe_discount(discount) for discount in remote.discounts]
    mirror.fees = store_fees(RecurringFee(f.amount, f.interval, f.quantity, f.every) for f in remote.fees)
    mirror.ended_at = _find_ended_at(remote, now)
    mark_retrieved(mirror, now)


def _describe_discount(discount: RemoteDiscount) -> dict[str, Any]:
    return {
        "coupon": discount.coupon_id,
        "percent_off": None if discount.percent_off is None else plain(discount.percent_off),
        "amount_off": discount.amount_off,
        "currency": discount.currency,
        "ends_at": None if discount.ends_at is None else discount.ends_at.isoformat(),
        "once": discount.once,
    }


def _find_ended_at(remote: RemoteSubscription, now: datetime) -> datetime | None:
    if remote.status not in OVER:
        return None
    return remote.ended_at or remote.canceled_at or now


def _set_customer_card(session: Session, mirror: StripeSubscription, remote: RemoteSubscription) -> None:
    """Show the subscription's own card, which its invoices are charged to in preference to its customer's."""
    customer = session.get(StripeCustomer, mirror.customer_id)
    if customer is not None and customer.deleted_at is None and remote.card is not None and mirror.ended_at is None:
        set_card(customer, remote.card)


def _build_facts(mirror: StripeSubscription, terms: StripePrice | Subscription) -> StripeFacts:
    return StripeFacts(
        ref=mirror.id,
        state=mirror.status,
        plan_version_id=terms.plan_version_id,
        interval=terms.interval,
        currency=terms.currency,
        anchor_at=mirror.anchor_at,
        started_at=mirror.created_at,
        billing=Period(mirror.period_start, mirror.period_end),
        cancel_at=mirror.cancel_at,
        ended_at=mirror.ended_at,
        ours=mirror.subscription_id,
        trial=_find_trial(mirror),
        fees=read_fees(mirror.fees),
        discounts=read_discounts(mirror.discounts),
        paused=mirror.collection_paused is not None,
    )


def _find_trial(mirror: StripeSubscription) -> Period | None:
    if mirror.trial_starts_at is None or mirror.trial_ends_at is None or mirror.trial_starts_at >= mirror.trial_ends_at:
        return None
    return Period(mirror.trial_starts_at, mirror.trial_ends_at)


def update_dunning(session: Session, mirror: StripeSubscription, now: datetime) -> None:
    """Open dunning when past due; close it on payment or when the subscription ends."""
    if mirror.status in OWING:
        schedule.open_dunning(session, mirror, now)
    elif mirror.status in PAID:
        schedule.close_dunning(session, mirror, "recovered", now)
    elif mirror.ended_at is not None:
        schedule.close_dunning(session, mirror, "ended", now)
        # No email while another plan is already in force.
        without_plan = subscriptions.find_subscription(session, mirror.org_id) is None
        if mirror.subscription_id is not None and without_plan:
            emails.queue_plan_ended(session, mirror.org_id, mirror.subscription_id, now)
