"""What Stripe has paid back of a payment, on the billing record of that payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import SYSTEM
from app.payments import billing_records
from app.payments.errors import UnknownPayment

UNKNOWN = "No payment of ours is known by this payment intent."


@dataclass(frozen=True, slots=True)
class RefundedPayment:
    """A payment intent and all that was paid back of it so far, in minor units."""

    transaction_id: str
    refunded: int


def sync_refund(session: Session, org_id: UUID, found: RefundedPayment, now: datetime) -> None:
    """Write the refunded amount; audited when it changed. Raises `UnknownPayment` when no record is of this payment."""
    record = billing_records.find_by_transaction(session, org_id, found.transaction_id)
    if record is None:
        raise UnknownPayment(UNKNOWN)
    before = record.refunded
    billing_records.record_refund(record, found.refunded, at=now)
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
