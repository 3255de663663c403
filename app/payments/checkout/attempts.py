"""Checkout rows: written before the call to Stripe, closed once they can no longer be paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.catalog import queries as catalog
from app.kit.actor import Actor
from app.kit.ids import new_id
from app.payments import billing_records, queries
from app.payments.checkout.request import CheckoutRequest
from app.payments.checkout_models import Checkout
from app.payments.mirrors.sync_checkout import close_checkout
from app.payments.models import BillingRecord
from app.payments.price_push.price_selection import list_paid_prices
from app.web.database import transaction

_REPLACED = "Replaced by another checkout."


@dataclass(frozen=True, slots=True)
class CheckoutAttempt:
    """A stored checkout as plain values, usable outside a transaction."""

    id: UUID
    org_id: UUID
    request: CheckoutRequest
    session_id: str | None
    opened_at: datetime


def load_attempt(session: Session, row: Checkout) -> CheckoutAttempt:
    """Load a checkout's row into a `CheckoutAttempt`."""
    version = catalog.find_version(session, row.plan_version_id) if row.plan_version_id else None
    offered = list_paid_prices(version) if version else []
    price = next((price for price in offered if (price.interval, price.currency) == (row.interval, row.currency)), None)
    request = CheckoutRequest(row.purpose, row.currency or "USD", price, row.trial_days)
    return CheckoutAttempt(row.id, row.org_id, request, row.session_id, row.opened_at)


def record_attempt(
    org_id: UUID, request: CheckoutRequest, older: CheckoutAttempt | None, actor: Actor, now: datetime
) -> CheckoutAttempt:
    """Store a new checkout and its pending billing record, in its own transaction. Audited.

    If `older` is still open here (Stripe has expired it), it is closed as replaced and its pending record moves to the
    new checkout, because both stand for the same payment.
    """
    with transaction() as session:
        reuse = _replace(session, older, now) if older else None
        row = _build_row(org_id, request, actor, now)
        session.add(row)
        session.flush()
        if request.price is not None:
            billing_records.ensure_pending_record(session, row, now, reuse=reuse)
        after: dict[str, object] = {"purpose": request.purpose, "currency": request.currency}
        if request.price is not None:
            after |= {"plan": request.price.plan_key, "interval": request.price.interval}
        if request.trial_days is not None:
            after |= {"trial_days": request.trial_days}
        audit(session, actor, "checkout.opened", on=("checkout", row.id), org_id=org_id, after=after, now=now)
        return load_attempt(session, row)


def close_attempt(attempt: CheckoutAttempt, state: str, reason: str, now: datetime) -> None:
    """Close a checkout ("failed", "expired") in its own transaction; its pending record fails with it."""
    with transaction() as session:
        close_checkout(session, queries.get_checkout(session, attempt.org_id, attempt.id), state, reason, now)


def _build_row(org_id: UUID, request: CheckoutRequest, actor: Actor, now: datetime) -> Checkout:
    price = request.price
    return Checkout(
        id=new_id(),
        org_id=org_id,
        purpose=request.purpose,
        plan_version_id=price.version_id if price else None,
        interval=price.interval if price else None,
        currency=request.currency,
        amount=price.amount if price else None,
        state="opening",
        opened_by=actor.id,
        opened_at=now,
        trial_days=request.trial_days,
    )


def _replace(session: Session, older: CheckoutAttempt, now: datetime) -> BillingRecord | None:
    """Close the older checkout if still open; returns its pending record, detached from it, for reuse."""
    row = queries.get_checkout(session, older.org_id, older.id)
    if row.state not in queries.OPEN_CHECKOUT:
        return None
    record = billing_records.find_by_checkout(session, older.org_id, older.id)
    pending = record if record is not None and record.state == "pending" else None
    if pending is not None:
        pending.checkout_id = None
        session.flush()
    close_checkout(session, row, "replaced", _REPLACED, now)
    return pending
