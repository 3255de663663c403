"""Reads of invoices and their lines; the org is the first argument."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from app.invoices.models import DRAFT, DROPPED, CreditNote, Invoice, InvoiceLine


def list_period_lines(session: Session, org_id: UUID, period_start: datetime) -> list[InvoiceLine]:
    """List the lines of a closed period, one per meter and kind."""
    query = select(InvoiceLine).where(InvoiceLine.org_id == org_id, InvoiceLine.period_start == period_start)
    return list(session.scalars(query.order_by(InvoiceLine.meter_id, InvoiceLine.kind)))


def list_lines_of_periods(session: Session, org_id: UUID, starts: Collection[datetime]) -> list[InvoiceLine]:
    """List the lines of closed periods, those with an amount first."""
    query = select(InvoiceLine).where(InvoiceLine.org_id == org_id, InvoiceLine.period_start.in_(starts))
    return list(session.scalars(query.order_by(InvoiceLine.amount == 0, InvoiceLine.meter_id, InvoiceLine.kind)))


def list_lines_of_invoices(session: Session, org_id: UUID, invoice_ids: Collection[UUID]) -> list[InvoiceLine]:
    """List the lines of invoices and of the credit notes on them, in the order of their periods."""
    notes = select(CreditNote.id).where(CreditNote.invoice_id.in_(invoice_ids), CreditNote.state != DROPPED)
    on_them = or_(InvoiceLine.invoice_id.in_(invoice_ids), InvoiceLine.credit_note_id.in_(notes))
    query = select(InvoiceLine).where(InvoiceLine.org_id == org_id, on_them)
    return list(session.scalars(query.order_by(InvoiceLine.period_start, InvoiceLine.meter_id)))


def list_invoice_lines(session: Session, org_id: UUID, invoice_id: UUID) -> list[InvoiceLine]:
    """List the lines of an invoice, in the order of their periods."""
    query = select(InvoiceLine).where(InvoiceLine.org_id == org_id, InvoiceLine.invoice_id == invoice_id)
    return list(session.scalars(query.order_by(InvoiceLine.period_start, InvoiceLine.meter_id)))


def list_waiting_lines(session: Session, org_id: UUID, currency: str, until: datetime) -> list[InvoiceLine]:
    """List the lines with an amount that wait for an invoice, of periods that start by `until`, oldest first."""
    query = select(InvoiceLine).where(
        InvoiceLine.org_id == org_id,
        InvoiceLine.invoice_id.is_(None),
        InvoiceLine.credit_note_id.is_(None),
        InvoiceLine.amount != 0,
        InvoiceLine.currency == currency,
        InvoiceLine.period_start <= until,
    )
    return list(session.scalars(query.order_by(InvoiceLine.period_start, InvoiceLine.meter_id)))


def find_boundary_draft(session: Session, org_id: UUID, boundary_at: datetime) -> Invoice | None:
    """Find the draft that the close of the period that ended then fills, as it is stored now."""
    query = select(Invoice).where(Invoice.org_id == org_id, Invoice.boundary_at == boundary_at, Invoice.state == DRAFT)
    return session.scalars(query.execution_options(populate_existing=True)).first()


def get_invoice(session: Session, org_id: UUID, invoice_id: UUID) -> Invoice:
    """Get an invoice of the org as it is stored now."""
    row = session.get(Invoice, invoice_id, populate_existing=True)
    if row is None or row.org_id != org_id:
        raise LookupError(f"org {org_id} has no invoice {invoice_id}")
    return row


def list_invoices(session: Session, org_id: UUID, before: tuple[datetime, UUID] | None, limit: int) -> list[Invoice]:
    """List invoices of the org that are not dropped, newest first; `before` is the last one of the page before."""
    query = select(Invoice).where(Invoice.org_id == org_id, Invoice.state != DROPPED)
    if before is not None:
        query = query.where(tuple_(Invoice.opened_at, Invoice.id) < before)
    return list(session.scalars(query.order_by(Invoice.opened_at.desc(), Invoice.id.desc()).limit(limit)))


def find_invoices(session: Session, org_id: UUID, ids: Collection[UUID]) -> dict[UUID, Invoice]:
    """Find invoices of the org by id."""
    if not ids:
        return {}
    query = select(Invoice).where(Invoice.org_id == org_id, Invoice.id.in_(ids))
    return {invoice.id: invoice for invoice in session.scalars(query)}


def find_ids_by_stripe_id(session: Session, org_id: UUID, stripe_ids: Collection[str]) -> dict[str, UUID]:
    """Find which of these invoices at Stripe carry usage lines, with the ids of ours."""
    if not stripe_ids:
        return {}
    query = select(Invoice.stripe_invoice_id, Invoice.id).where(
        Invoice.org_id == org_id,
        Invoice.stripe_invoice_id.in_(stripe_ids),
        Invoice.state != DROPPED,
        select(InvoiceLine.id).where(InvoiceLine.invoice_id == Invoice.id).exists(),
    )
    return {stripe_id: ours for stripe_id, ours in session.execute(query) if stripe_id is not None}


def list_drafts(session: Session, limit: int) -> list[Invoice]:
    """List drafts at Stripe, oldest first."""
    query = select(Invoice).where(Invoice.state == DRAFT, Invoice.stripe_invoice_id.is_not(None))
    return list(session.scalars(query.order_by(Invoice.opened_at).limit(limit)))
