"""Syncs refunds to the billing record of the payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.kit.actor import SYSTEM
from app.payments import billing_records
from app.payments.errors import UnknownPayment

UNKNOWN = "No payment is known for this payment intent."


@dataclass(frozen=True, slots=True)
class RefundedPayment:
    """A payment intent and the total refunded so far, in minor units."""

    transaction_id: str
    refunded: int


def sync_refund(session: Session, org_id: UUID, refund: RefundedPayment, now: datetime) -> None:
    """Sync the refunded amount; audited when it changes. Raises `UnknownPayment` if no record has this payment."""
    record = billing_records.find_by_transaction(session, org_id, refund.transaction_id)
    if record is None:
        raise UnknownPayment(UNKNOWN)
    before = record.refunded
    billing_records.record_refund(record, refund.refunded, at=now)
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
