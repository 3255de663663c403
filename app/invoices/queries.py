"""Reads of invoices and their lines; the org is the first argument."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from app.invoices.models import DRAFT, DROPPED, FEE, CreditNote, Invoice, InvoiceLine
from app.kit.postgres.arrays import encode_ids
from app.kit.postgres.together import AnySelect, ask

_TO_CREDIT = text("""
SELECT DISTINCT org_id FROM invoice_lines
WHERE org_id = ANY (CAST(:orgs AS uuid[])) AND invoice_id IS NULL AND credit_note_id IS NULL AND amount < 0
""")


def list_period_lines(session: Session, org_id: UUID, period_start: datetime) -> list[InvoiceLine]:
    """List the lines of a closed usage period, one per meter and kind."""
    return ask(session, select_period_lines(org_id, period_start))


def select_period_lines(org_id: UUID, period_start: datetime) -> Select[InvoiceLine]:
    """Select what `list_period_lines` lists."""
    query = select(InvoiceLine).where(
        InvoiceLine.org_id == org_id, InvoiceLine.period_start == period_start, InvoiceLine.kind != FEE
    )
    return query.order_by(InvoiceLine.meter_id, InvoiceLine.kind)


def select_lines_of_periods(org_id: UUID, starts: Collection[datetime] | AnySelect) -> Select[InvoiceLine]:
    """Select the lines of closed usage periods, those with an amount first."""
    query = select(InvoiceLine).where(
        InvoiceLine.org_id == org_id, InvoiceLine.period_start.in_(starts), InvoiceLine.kind != FEE
    )
    return query.order_by(InvoiceLine.amount == 0, InvoiceLine.meter_id, InvoiceLine.kind)


def select_lines_of_invoices(org_id: UUID, invoice_ids: Collection[UUID]) -> Select[InvoiceLine]:
    """Select the lines of invoices and of the credit notes on them, in the order of their periods."""
    notes = select(CreditNote.id).where(CreditNote.invoice_id.in_(invoice_ids), CreditNote.state != DROPPED)
    on_them = or_(InvoiceLine.invoice_id.in_(invoice_ids), InvoiceLine.credit_note_id.in_(notes))
    query = select(InvoiceLine).where(InvoiceLine.org_id == org_id, on_them)
    return query.order_by(InvoiceLine.period_start, InvoiceLine.meter_id)


def select_invoice_lines(org_id: UUID, invoice_id: UUID | AnySelect) -> Select[InvoiceLine]:
    """Select the lines of an invoice, in the order of their periods."""
    on_it = InvoiceLine.invoice_id.in_([invoice_id] if isinstance(invoice_id, UUID) else invoice_id)
    query = select(InvoiceLine).where(InvoiceLine.org_id == org_id, on_it)
    return query.order_by(InvoiceLine.period_start, InvoiceLine.meter_id)


def list_invoice_lines(session: Session, org_id: UUID, invoice_id: UUID) -> list[InvoiceLine]:
    """List the lines of an invoice, in the order of their periods."""
    return list(session.scalars(select_invoice_lines(org_id, invoice_id)))


def select_line(org_id: UUID, line_id: UUID) -> Select[InvoiceLine]:
    """Select a line of the org."""
    return select(InvoiceLine).where(InvoiceLine.org_id == org_id, InvoiceLine.id == line_id)


def find_line_before(session: Session, line: InvoiceLine) -> InvoiceLine | None:
    """Find the newest line of the same meter and period that was written before this one."""
    query = select(InvoiceLine).where(
        InvoiceLine.org_id == line.org_id,
        InvoiceLine.period_start == line.period_start,
        InvoiceLine.meter_id == line.meter_id,
        tuple_(InvoiceLine.written_at, InvoiceLine.id) < (line.written_at, line.id),
    )
    return session.scalars(query.order_by(InvoiceLine.written_at.desc(), InvoiceLine.id.desc()).limit(1)).first()


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


def list_orgs_to_credit(session: Session, orgs: Collection[UUID]) -> list[UUID]:
    """List those of some orgs that have lines below zero which wait for an invoice."""
    return list(session.scalars(_TO_CREDIT, {"orgs": encode_ids(orgs)}).all())


def sum_billed(session: Session, org_id: UUID, period_start: datetime, meter_id: int | None) -> tuple[int, int]:
    """What the lines of a period and meter that stand on an invoice come to, and what was taken off them."""
    query = select(func.sum(InvoiceLine.amount), func.sum(InvoiceLine.discount)).where(
        InvoiceLine.org_id == org_id,
        InvoiceLine.period_start == period_start,
        InvoiceLine.meter_id.is_not_distinct_from(meter_id),
        InvoiceLine.invoice_id.is_not(None),
    )
    amount, discount = session.execute(query).one()
    return int(amount or 0), int(discount or 0)


def list_all_waiting_lines(session: Session, org_id: UUID) -> list[InvoiceLine]:
    """List the lines of the org with an amount that stand on no invoice yet, by currency, fees first, oldest first."""
    query = select(InvoiceLine).where(
        InvoiceLine.org_id == org_id,
        InvoiceLine.invoice_id.is_(None),
        InvoiceLine.credit_note_id.is_(None),
        InvoiceLine.amount != 0,
    )
    order = (InvoiceLine.currency, InvoiceLine.kind != FEE, InvoiceLine.period_start, InvoiceLine.meter_id)
    return list(session.scalars(query.order_by(*order)))


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
    return {invoice.id: invoice for invoice in ask(session, select_invoices(org_id, ids))} if ids else {}


def select_invoices(org_id: UUID, ids: Collection[UUID] | AnySelect) -> Select[Invoice]:
    """Select invoices of the org by id."""
    return select(Invoice).where(Invoice.org_id == org_id, Invoice.id.in_(ids))


def select_stripe_ids(org_id: UUID, ids: Collection[UUID]) -> Select[str | None]:
    """Select the ids at Stripe of invoices of the org."""
    return select_invoices(org_id, ids).with_only_columns(Invoice.stripe_invoice_id)


def find_ids_by_stripe_id(session: Session, org_id: UUID, stripe_ids: Collection[str]) -> dict[str, UUID]:
    """Find which of these invoices at Stripe carry usage lines, with the ids of ours."""
    if not stripe_ids:
        return {}
    found = ask(session, select_ids_by_stripe_id(org_id, stripe_ids))
    return {stripe_id: ours for stripe_id, ours in found if stripe_id is not None}


def select_ids_by_stripe_id(org_id: UUID, stripe_ids: Collection[str]) -> AnySelect:
    """Select what `find_ids_by_stripe_id` finds."""
    return select(Invoice.stripe_invoice_id, Invoice.id).where(
        Invoice.org_id == org_id,
        Invoice.stripe_invoice_id.in_(stripe_ids),
        Invoice.state != DROPPED,
        select(InvoiceLine.id).where(InvoiceLine.invoice_id == Invoice.id).exists(),
    )


def list_drafts(session: Session, limit: int) -> list[Invoice]:
    """List drafts at Stripe, locked: those not looked at yet first, then those looked at longest ago.

    Those that somebody else settles at the moment are left out.
    """
    query = select(Invoice).where(Invoice.state == DRAFT, Invoice.stripe_invoice_id.is_not(None))
    order = (Invoice.looked_at.nulls_first(), Invoice.opened_at)
    return list(session.scalars(query.order_by(*order).limit(limit).with_for_update(skip_locked=True)))
