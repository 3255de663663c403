"""Emails about changes of plan and cancellations, queued in the transaction that records what they are about.

Their keys are the ids of events in the subscription's history and of confirmed changes, so repeating sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.notifications.service import notify
from app.payments import billing_records, queries
from app.payments.dunning.emails import format_amount, free_plan_name
from app.payments.plan_changes import attempts
from app.payments.plan_changes.models import PlanChangeAttempt
from app.payments.plan_changes.outcome import describe_result
from app.subscriptions import events
from app.subscriptions import queries as subscriptions
from app.subscriptions.changes.models import APPLIED, ORG, STAFF, PlannedChange
from app.subscriptions.changes.planned import find_planned, get_planned, list_ended_planned
from app.subscriptions.models import Subscription, SubscriptionEvent
from app.subscriptions.states import LATE, is_renewed

_Facts = Mapping[str, Any] | None


def queue_change_emails(session: Session, org_id: UUID, now: datetime) -> None:
    """Queue the emails about what was recorded for an organisation at `now`. Call it before that is committed."""
    for event in events.list_noted(session, org_id, _EMAILS, now):
        subscription = subscriptions.get_subscription(session, org_id, event.subscription_id)
        template, build = _EMAILS[event.kind]
        told = subscription.collection == "stripe" or event.kind in _OF_STAFF
        facts = build(session, event, subscription) if told else None
        if facts is not None:
            notify(session, org_id, template, facts, key=str(event.id), now=now, copies=True)
    for row in attempts.list_news(session, org_id, now):
        template, describe = _NEWS[row.state]
        facts = describe(session, row)
        if facts is not None:
            notify(session, org_id, template, facts, key=str(row.id), now=now, copies=True)


def _describe_changed(session: Session, event: SubscriptionEvent, opened: Subscription) -> _Facts:
    """Old and new plan, from when, and what was charged: None where we don't know, as of a change made at Stripe."""
    before = subscriptions.find_previous(session, opened)
    if before is None:
        return None
    ended = list_ended_planned(session, event.org_id, event.noted_at)
    confirmed = attempts.find_applied(session, opened, event.noted_at)
    charged = None if confirmed is None else format_amount(confirmed.amount, confirmed.currency)
    describe = _describe_version if _is_other_version(session, before, opened) else _describe_plan
    return {
        "was": describe(session, before),
        "plan": describe(session, opened),
        "at": event.at,
        "planned": any(row.outcome == APPLIED and row.origin == ORG for row in ended),
        "announced": any(row.outcome == APPLIED and row.origin == STAFF for row in ended),
        "charged": charged if confirmed is None or confirmed.amount else "nothing",
        "price": _describe_price(session, opened),
        "renews_at": opened.billing_ends_at if opened.cancel_at is None else None,
        "dropped": _name_dropped(session, [row for row in ended if row.outcome != APPLIED]),
    }


def _describe_planned(session: Session, event: SubscriptionEvent, running: Subscription) -> _Facts:
    row = get_planned(session, event.org_id, UUID(event.key))
    return {
        "was": _describe_plan(session, running),
        "plan": _describe_plan(session, row),
        "at": row.effective_at,
        "price": _describe_price(session, row),
        "dropped": _name_dropped(session, list_ended_planned(session, event.org_id, event.noted_at)),
    }


def _describe_move_undone(session: Session, event: SubscriptionEvent, running: Subscription) -> _Facts:
    row = get_planned(session, event.org_id, UUID(event.key))
    return {
        "stays": _describe_version(session, running), "plan": _describe_version(session, row), "at": row.first_at,
    }  # fmt: skip


def _describe_undone(session: Session, event: SubscriptionEvent, running: Subscription) -> _Facts:
    row = get_planned(session, event.org_id, UUID(event.key))
    return {
        "stays": _describe_plan(session, running), "plan": _describe_plan(session, row), "at": row.effective_at,
    }  # fmt: skip


def _describe_cancelled(session: Session, event: SubscriptionEvent, running: Subscription) -> _Facts:
    if running.cancel_at is None:
        return None  # taken back since
    return {
        "plan": _name_plan(session, running),
        "free": free_plan_name(session),
        "ends_at": running.cancel_at,
        "renews": is_renewed(running.billing_ends_at, running.cancel_at),
        "due": running.state in LATE,
        "dropped": _name_dropped(session, list_ended_planned(session, event.org_id, event.noted_at)),
    }


def _describe_kept(session: Session, event: SubscriptionEvent, running: Subscription) -> _Facts:  # noqa: ARG001  (called as the others are)
    return None if running.cancel_at is not None else {
        "plan": _name_plan(session, running), "renews_at": running.billing_ends_at, "due": running.state in LATE,
    }  # fmt: skip


def _describe_waiting(session: Session, row: PlanChangeAttempt) -> _Facts:
    """A change that the customer has to pay or confirm. None while nothing is asked of anybody."""
    result = describe_result(session, row)
    running = subscriptions.find_subscription(session, row.org_id)
    if result.state not in {"confirm", "declined"} or not (result.pay_url and result.until and running):
        return None
    return {
        "stays": _describe_plan(session, running),
        "plan": _describe_plan(session, row),
        "amount": format_amount(result.amount, result.currency),
        "until": result.until,
        "confirm": result.state == "confirm",
        "link": result.pay_url,
    }


def _describe_lapsed(session: Session, row: PlanChangeAttempt) -> _Facts:
    """A change that was dropped unpaid; None if the plan has ended meanwhile, which has an email of its own."""
    running = subscriptions.find_subscription(session, row.org_id)
    if running is None:
        return None
    planned = find_planned(session, row.org_id)
    return {
        "stays": _describe_plan(session, running),
        "plan": _describe_plan(session, row),
        "planned": _describe_plan(session, planned) if planned else None,
        "planned_at": planned.effective_at if planned else None,
    }


def _describe_plan(session: Session, row: Subscription | PlannedChange | PlanChangeAttempt) -> str:
    return f"the {billing_records.describe_plan(session, row.plan_version_id, row.interval)}"


def _is_other_version(session: Session, before: Subscription, opened: Subscription) -> bool:
    plans = [catalog.find_plan_of_version(session, row.plan_version_id) for row in (before, opened)]
    keys = {plan.key for plan in plans if plan is not None}
    return len(keys) == 1 and before.plan_version_id != opened.plan_version_id


def _describe_version(session: Session, row: Subscription | PlannedChange) -> str:
    """With its version, where another one of the same plan is named beside it."""
    plan = catalog.find_plan_of_version(session, row.plan_version_id)
    return f"version {plan.number} of {_describe_plan(session, row)}" if plan else "your plan"


def _name_plan(session: Session, row: Subscription) -> str:
    plan = catalog.find_plan_of_version(session, row.plan_version_id)
    return f"the {plan.name} plan" if plan else "your plan"


def _describe_price(session: Session, row: Subscription | PlannedChange) -> str | None:
    """The price of the catalogue: "$49.00 a month"; None if it is not at Stripe."""
    price = queries.find_version_price(session, row.plan_version_id, row.interval, row.currency)
    return f"{format_amount(price.amount, price.currency)} a {price.interval}" if price else None


def _name_dropped(session: Session, ended: list[PlannedChange]) -> str | None:
    """The planned change that another act replaced, if one did."""
    return _describe_plan(session, ended[0]) if ended else None


_EMAILS: dict[str, tuple[str, Callable[[Session, SubscriptionEvent, Subscription], _Facts]]] = {
    **dict.fromkeys(
        ("plan_changed", "upgraded", "downgraded", "interval_changed"), ("plan_changed", _describe_changed)
    ),
    "change_planned": ("change_planned", _describe_planned),
    "change_undone": ("change_undone", _describe_undone),
    "move_undone": ("move_undone", _describe_move_undone),
    "cancel_planned": ("cancel_planned", _describe_cancelled),
    "cancel_undone": ("cancel_undone", _describe_kept),
}
_OF_STAFF = frozenset({"move_undone"})
"""Told however the plan is paid. Of the move itself `statements/moves` tells, which knows what differs."""
_NEWS: dict[str, tuple[str, Callable[[Session, PlanChangeAttempt], _Facts]]] = {
    "waiting": ("change_waiting", _describe_waiting),
    "lapsed": ("change_lapsed", _describe_lapsed),
}
