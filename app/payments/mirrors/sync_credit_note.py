"""Syncs the mirror of a credit note, whoever issued it: the close, or a person in Stripe's dashboard."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.audit.service import write as audit
from app.invoices.credit_notes import release_voided
from app.kit.actor import SYSTEM
from app.payments.errors import NotOurs
from app.payments.mirrors.models import StripeCreditNote
from app.payments.mirrors.retrieved import mark_retrieved
from app.stripe_gateway.credit_notes import RemoteNote

VOID = "void"


def sync_credit_note(session: Session, org_id: UUID, remote: RemoteNote, now: datetime) -> StripeCreditNote:
    """Sync a note, under the org's lock. A void one stays void. Audited, unless the close issued it and says so.

    What a void note of ours credited waits for the next invoice.
    What it changes on its invoice, refunds and the customer's balance is synced from these. Raises `NotOurs`.
    """
    mirror = session.get(StripeCreditNote, remote.id)
    if mirror is not None and mirror.org_id != org_id:
        raise NotOurs(f"Credit note {remote.id} belongs to another organisation.")
    before = mirror.status if mirror is not None else None
    if mirror is None:
        mirror = StripeCreditNote(id=remote.id, org_id=org_id, invoice_id=remote.invoice_id)
        session.add(mirror)
    elif before == VOID and remote.status != VOID:
        return mirror
    _copy_fields(mirror, remote, now)
    session.flush()
    if before is None and remote.own_id is None:
        _audit(session, "credit_note.issued", mirror, now)
    if remote.status == VOID != before:
        _audit(session, "credit_note.voided", mirror, now)
        if remote.own_id is not None:
            release_voided(session, org_id, remote.own_id, remote.id, now)
    return mirror


def _copy_fields(mirror: StripeCreditNote, remote: RemoteNote, now: datetime) -> None:
    mirror.own_id, mirror.number, mirror.status = remote.own_id, remote.number, remote.status
    mirror.currency, mirror.total = remote.currency, remote.total
    mirror.due, mirror.paid, mirror.outside = remote.due, remote.paid, remote.outside
    mirror.refunds = [{"refund": refund.refund_id, "amount": refund.amount} for refund in remote.refunds]
    mirror.pdf_url = remote.pdf_url
    mirror.created_at, mirror.voided_at = remote.created_at, remote.voided_at
    mark_retrieved(mirror, now)


def _audit(session: Session, action: str, mirror: StripeCreditNote, now: datetime) -> None:
    refund = sum(int(part["amount"]) for part in mirror.refunds)
    after = {"number": mirror.number, "currency": mirror.currency, "amount": mirror.total, "due": mirror.due,
             "refund": refund, "balance": mirror.paid - refund - mirror.outside}  # fmt: skip
    audit(session, SYSTEM, action, on=("credit_note", mirror.id), org_id=mirror.org_id, after=after, now=now)
