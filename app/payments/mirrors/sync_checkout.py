"""Syncs a checkout with its Stripe session: open, completed or expired. A closed checkout is never reopened."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.payments import billing_records
from app.payments.checkout_models import Checkout
from app.payments.queries import OPEN_CHECKOUT
from app.stripe_gateway.types import CheckoutSession

NOT_PAID = "The checkout was abandoned without payment."


def sync_checkout(session: Session, org_id: UUID, remote: CheckoutSession, now: datetime) -> Checkout | None:
    """Sync a session to its checkout; None when the org has no such checkout.

    A complete session completes the checkout; an expired one expires it and fails its billing record. A checkout that
    we had closed or replaced becomes completed if it was paid after all.
    """
    checkout = find_checkout(session, org_id, remote)
    if checkout is None:
        return None
    checkout.session_id = remote.id
    if remote.status == "complete":
        if checkout.state != "completed":
            _close(checkout, "completed", now)
    elif remote.status == "expired":
        if checkout.state in OPEN_CHECKOUT:
            _close(checkout, "expired", now)
        _fail_record(session, checkout, now)
    elif checkout.state == "opening":
        checkout.state = "open"
    session.flush()
    return checkout


def close_checkout(session: Session, checkout: Checkout, state: str, reason: str, now: datetime) -> None:
    """Close a checkout that can no longer be paid ("replaced", "failed", "expired"); its record fails with it."""
    if checkout.state in OPEN_CHECKOUT:
        _close(checkout, state, now)
        checkout.failure = reason if state == "failed" else None
    _fail_record(session, checkout, now, reason)
    session.flush()


def find_checkout(session: Session, org_id: UUID, remote: CheckoutSession) -> Checkout | None:
    """Find the org's checkout for a session, even if the session's id was never stored."""
    query = select(Checkout).where(Checkout.org_id == org_id)
    by_session = session.scalars(query.where(Checkout.session_id == remote.id)).one_or_none()
    if by_session is not None or remote.checkout_id is None:
        return by_session
    by_metadata = session.scalars(query.where(Checkout.id == remote.checkout_id)).one_or_none()
    return by_metadata if by_metadata is not None and by_metadata.session_id is None else None


def _close(checkout: Checkout, state: str, now: datetime) -> None:
    checkout.state, checkout.closed_at = state, now


def _fail_record(session: Session, checkout: Checkout, now: datetime, reason: str = NOT_PAID) -> None:
    record = billing_records.find_by_checkout(session, checkout.org_id, checkout.id)
    if record is not None and record.state == "pending":
        billing_records.fail(record, at=now, code="not_paid", words=reason)
