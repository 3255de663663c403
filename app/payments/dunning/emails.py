"""Billing emails: the template and values of each. Every email has a key, so it is sent once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.kit.money import exponent, to_major
from app.notifications.service import notify
from app.payments import queries
from app.payments.dunning.models import Dunning
from app.payments.models import BillingRecord, StripeInvoice, StripeSubscription
from app.subscriptions import queries as subscriptions
from app.subscriptions.models import Subscription
from app.web.filters import estimate, payment_method

_LINES = 30
"""How many lines of an invoice a receipt lists."""
_SAME_FAILURE = timedelta(hours=1)
"""A dunning starts with the failure of an invoice, which may be synced just before."""


def queue_receipt(session: Session, record: BillingRecord, invoice: StripeInvoice, now: datetime) -> None:
    """Queue the receipt for a completed payment of an invoice at Stripe. One per record."""
    lines, added = invoice.lines or [], invoice.tax - invoice.included_tax
    facts = {
        "what": record.description,
        "amount": format_amount(record.amount, record.currency),
        "card": payment_method(record.card_brand, record.card_last4, " ending in ") or None,
        "at": record.settled_at or now,
        "first": record.reason == "subscription_start",
        "number": invoice.number or "",
        "lines": [(line["description"], format_amount(line["amount"], invoice.currency)) for line in lines[:_LINES]],
        "more": max(0, len(lines) - _LINES),
        "taxed": format_amount(added, invoice.currency) if added else None,
        "discount": format_amount(-invoice.discount, invoice.currency) if invoice.discount else None,
        "total": format_amount(invoice.total, invoice.currency),
    }
    notify(session, record.org_id, "payment_received", facts, key=str(record.id), now=now, copies=True)


def queue_plan_ended(session: Session, org_id: UUID, subscription_id: UUID, now: datetime) -> None:
    """Queue the notice that a subscription (ours) has ended and the Free plan applies. One per subscription."""
    subscription = subscriptions.get_subscription(session, org_id, subscription_id)
    version = catalog.find_version(session, subscription.plan_version_id)
    facts = {
        "plan": _plan_name(session, subscription),
        "free": free_plan_name(session),
        "at": subscription.ended_at or now,
        "usage": bool(version and version.charges),
    }
    notify(session, org_id, "subscription_ended", facts, key=str(subscription_id), now=now, copies=True)


def queue_reminder(session: Session, row: Dunning, template: str, number: int, now: datetime) -> None:
    """Queue the email of a dunning step: `payment_failed`, `payment_reminder` or `grace_over`.

    Where the bank asks the cardholder to confirm, it leads to the invoice's page at Stripe instead of the billing page.
    """
    facts = _build_facts(session, row) | {"free": free_plan_name(session), "limited_at": row.grace_ends_at}
    confirm_url = next((due.confirm_url for due in queries.list_owed(session, row.org_id) if due.confirm_url), None)
    facts |= {"confirm": True, "link": confirm_url} if confirm_url else {"confirm": False}
    notify(session, row.org_id, template, facts, key=f"{row.id}:{number}", now=now)


def queue_recovered(session: Session, row: Dunning, now: datetime) -> None:
    """Queue the notice that nothing is overdue any more, and why. Sent only if the dunning sent emails."""
    facts = {
        "plan": _build_facts(session, row)["plan"],
        "was_limited": row.limited_at is not None,
        "settled": _find_settlement(session, row),
    }
    notify(session, row.org_id, "payment_recovered", facts, key=str(row.id), now=now)


def _find_settlement(session: Session, row: Dunning) -> str | None:
    """What became of the invoices that were overdue: paid, void (cancelled) or uncollectible (written off).

    None if they ended differently, or if that is not known yet: then nothing is claimed.
    """
    outcome = case((BillingRecord.state.in_(("completed", "refunded")), "paid"), else_=BillingRecord.failure_code)
    invoices = select(StripeInvoice.id).where(StripeInvoice.stripe_subscription_id == row.stripe_subscription_id)
    query = select(outcome).where(
        BillingRecord.org_id == row.org_id,
        BillingRecord.invoice_id.in_(invoices),
        BillingRecord.settled_at >= row.started_at - _SAME_FAILURE,
    )
    outcomes = set(session.scalars(query))
    settled: str | None = outcomes.pop() if len(outcomes) == 1 else None
    return settled if settled in {"paid", "void", "uncollectible"} else None


def _build_facts(session: Session, row: Dunning) -> dict[str, Any]:
    """The unpaid plan and, where already known, the amount."""
    mirror = session.get_one(StripeSubscription, row.stripe_subscription_id)
    ours_id = mirror.subscription_id
    subscription = subscriptions.get_subscription(session, row.org_id, ours_id) if ours_id else None
    owed = queries.list_owed(session, row.org_id)
    return {
        "plan": _plan_name(session, subscription) if subscription else "your plan",
        "amount": format_amount(sum(invoice.amount for invoice in owed), owed[0].currency) if owed else None,
    }


def _plan_name(session: Session, subscription: Subscription) -> str:
    plan = catalog.find_plan_of_version(session, subscription.plan_version_id)
    if plan is None:
        raise RuntimeError(f"subscription {subscription.id} names no version")
    return f"the {plan.name} plan"


def free_plan_name(session: Session) -> str:
    """The plan of who pays for none: "the Free plan"."""
    version = catalog.find_default_version(session)
    return f"the {version.plan.name} plan" if version else "the default plan"


def format_amount(minor: int, currency: str) -> str:
    """An amount in minor units, for an email."""
    return estimate(to_major(minor, exponent(currency)), currency)
