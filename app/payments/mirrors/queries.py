"""Reads of credit notes and refunds at Stripe; the org is the first argument."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.kit.postgres.together import ask
from app.payments.mirrors.models import StripeCreditNote, StripeRefund


def list_credit_notes(
    session: Session, org_id: UUID, invoice_ids: Collection[str]
) -> dict[str, list[StripeCreditNote]]:
    """List the credit notes on some invoices, void ones too, oldest first, by invoice."""
    found: dict[str, list[StripeCreditNote]] = defaultdict(list)
    if not invoice_ids:
        return found
    for note in ask(session, select_credit_notes(org_id, invoice_ids)):
        found[note.invoice_id].append(note)
    return found


def select_credit_notes(org_id: UUID, invoice_ids: Collection[str]) -> Select[StripeCreditNote]:
    """Select what `list_credit_notes` lists."""
    query = select(StripeCreditNote).where(
        StripeCreditNote.org_id == org_id, StripeCreditNote.invoice_id.in_(invoice_ids)
    )
    return query.order_by(StripeCreditNote.created_at, StripeCreditNote.id)


def list_refunds(session: Session, org_id: UUID, transaction_ids: Collection[str]) -> dict[str, list[StripeRefund]]:
    """List what went back of some payments, oldest first, by payment; without refunds that failed."""
    found: dict[str, list[StripeRefund]] = defaultdict(list)
    if not transaction_ids:
        return found
    for refund in ask(session, select_refunds(org_id, transaction_ids)):
        found[refund.transaction_id].append(refund)
    return found


def select_refunds(org_id: UUID, transaction_ids: Collection[str]) -> Select[StripeRefund]:
    """Select what `list_refunds` lists."""
    query = select(StripeRefund).where(
        StripeRefund.org_id == org_id,
        StripeRefund.transaction_id.in_(transaction_ids),
        StripeRefund.status == "succeeded",
    )
    return query.order_by(StripeRefund.created_at, StripeRefund.id)
