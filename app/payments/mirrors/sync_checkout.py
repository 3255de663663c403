"""A checkout follows its session at Stripe: open, paid for, or over. Closed is closed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.payments import billing_records
from app.payments.models import Checkout
from app.payments.queries import OPEN_CHECKOUT
from app.stripe_gateway.types import CheckoutSession

NOT_PAID = "The payment page was left without paying."


def sync_checkout(session: Session, org_id: UUID, found: CheckoutSession, now: datetime) -> Checkout | None:
    """Bring the checkout that the session was opened for in line with it; None when it is none of the org's.

    A complete session closes it as completed, an expired one as expired, with its billing record failed. One that we
    gave up or replaced, and that was paid for all the same, becomes completed: the money counts.
    """
    checkout = find_checkout(session, org_id, found)
    if checkout is None:
        return None
    checkout.session_id = found.id
    if found.status == "complete":
        if checkout.state != "completed":
            _close(checkout, "completed", now)
    elif found.status == "expired":
        if checkout.state in OPEN_CHECKOUT:
            _close(checkout, "expired", now)
        _give_up(session, checkout, now)
    elif checkout.state == "opening":
        checkout.state = "open"
    session.flush()
    return checkout


def close_checkout(session: Session, checkout: Checkout, state: str, words: str, now: datetime) -> None:
    """Close a checkout that nobody can pay any more ("replaced", "failed", "expired"); its record fails with it."""
    if checkout.state in OPEN_CHECKOUT:
        _close(checkout, state, now)
        checkout.failure = words if state == "failed" else None
    _give_up(session, checkout, now, words)
    session.flush()


def find_checkout(session: Session, org_id: UUID, found: CheckoutSession) -> Checkout | None:
    """The org's checkout that was opened as this session, also if the session's id was never written down."""
    chosen = select(Checkout).where(Checkout.org_id == org_id)
    by_session = session.scalars(chosen.where(Checkout.session_id == found.id)).one_or_none()
    if by_session is not None or found.checkout_id is None:
        return by_session
    named = session.scalars(chosen.where(Checkout.id == found.checkout_id)).one_or_none()
    return named if named is not None and named.session_id is None else None


def _close(checkout: Checkout, state: str, now: datetime) -> None:
    checkout.state, checkout.closed_at = state, now


def _give_up(session: Session, checkout: Checkout, now: datetime, words: str = NOT_PAID) -> None:
    record = billing_records.find_by_checkout(session, checkout.org_id, checkout.id)
    if record is not None and record.state == "pending":
        billing_records.fail(record, at=now, code="not_paid", words=words)
