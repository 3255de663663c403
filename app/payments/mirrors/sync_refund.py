"""Syncs the refunds of a payment, and its billing record with what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import SYSTEM
from app.payments import billing_records
from app.payments.errors import NotOurs, UnknownPayment
from app.payments.mirrors.models import StripeRefund
from app.payments.mirrors.retrieved import mark_retrieved
from app.stripe_gateway.payments import LOST
from app.stripe_gateway.types import Refund

UNKNOWN = "No payment is known for this payment intent."
_RANK = {"pending": 0, "requires_action": 0, "succeeded": 1, "failed": 2, "canceled": 2}


@dataclass(frozen=True, slots=True)
class RefundedPayment:
    """A payment intent and all its refunds."""

    transaction_id: str
    refunds: tuple[Refund, ...]

    @property
    def refunded(self) -> int:
        """The total that has gone back so far, in minor units: a refund can fail long after it was created."""
        return sum(refund.amount for refund in self.refunds if refund.status == "succeeded")


def sync_refund(session: Session, org_id: UUID, payment: RefundedPayment, now: datetime) -> None:
    """Sync the refunds and the refunded amount; audited when it changes. Raises `UnknownPayment` without a record.

    A refund that failed stays failed.
    """
    record = billing_records.find_by_transaction(session, org_id, payment.transaction_id)
    if record is None:
        raise UnknownPayment(UNKNOWN)
    for refund in payment.refunds:
        _sync_mirror(session, org_id, payment.transaction_id, refund, now)
    before = record.refunded
    billing_records.record_refund(record, payment.refunded, at=now)
    session.flush()
    if record.refunded != before:
        audit(
            session,
            SYSTEM,
            "payment.refunded",
            on=("billing_record", record.id),
            org_id=org_id,
            before={"refunded": before},
            after={"refunded": record.refunded},
            now=now,
        )


def _sync_mirror(session: Session, org_id: UUID, transaction_id: str, remote: Refund, now: datetime) -> None:
    mirror = session.get(StripeRefund, remote.id)
    if mirror is not None and mirror.org_id != org_id:
        raise NotOurs(f"Refund {remote.id} belongs to another organisation.")
    if mirror is None:
        mirror = StripeRefund(id=remote.id, org_id=org_id, transaction_id=transaction_id)
        session.add(mirror)
    elif _RANK[remote.status] < _RANK[mirror.status]:
        return
    mirror.amount, mirror.currency, mirror.status = remote.amount, remote.currency, remote.status
    mirror.created_at = remote.created_at
    mirror.failed_at = (mirror.failed_at or now) if remote.status in LOST else None
    mark_retrieved(mirror, now)
