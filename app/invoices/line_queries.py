"""Selects what belongs to lines by a query of the lines themselves, so that all of it can be read together."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, cast, or_, select
from sqlalchemy import Uuid as UuidType

from app.invoices.charges import select_charges
from app.invoices.models import DROPPED, CreditNote, Invoice, InvoiceLine
from app.invoices.offline.models import IssuedInvoice
from app.kit.postgres.together import AnySelect


class LineQueries(NamedTuple):
    """What belongs to lines: their charges, the notes that they are on, the invoices that they or their notes are on,
    what those of ours say, and all notes on them. `version_ids` and `stripe_ids` are of plan versions and of Stripe's
    invoices, which other rooms keep.
    """

    lines: Select[InvoiceLine]
    charges: AnySelect
    notes: Select[CreditNote]
    invoices: Select[Invoice]
    issued: Select[IssuedInvoice]
    credits: Select[CreditNote]
    version_ids: Select[UUID]
    stripe_ids: AnySelect


def select_for_lines(org_id: UUID, lines: Select[InvoiceLine]) -> LineQueries:
    """Select what belongs to the org's lines that a query selects."""
    of = lines.order_by(None).with_only_columns(
        InvoiceLine.plan_version_id.label("version"),
        InvoiceLine.invoice_id.label("invoice"),
        InvoiceLine.credit_note_id.label("note"),
        cast(InvoiceLine.terms.op("->>")("charge_id"), UuidType).label("charge"),
    )
    named = of.cte("named_lines")
    notes = select(CreditNote).where(CreditNote.org_id == org_id, CreditNote.id.in_(select(named.c.note)))
    on_note = notes.with_only_columns(CreditNote.invoice_id)
    invoices = select(Invoice).where(
        Invoice.org_id == org_id, or_(Invoice.id.in_(select(named.c.invoice)), Invoice.id.in_(on_note))
    )
    ids = invoices.with_only_columns(Invoice.id)
    credited = CreditNote.org_id == org_id, CreditNote.invoice_id.in_(ids), CreditNote.state != DROPPED
    return LineQueries(
        lines=lines,
        charges=select_charges(select(named.c.charge)),
        notes=notes,
        invoices=invoices,
        issued=select(IssuedInvoice).where(IssuedInvoice.org_id == org_id, IssuedInvoice.invoice_id.in_(ids)),
        credits=select(CreditNote).where(*credited).order_by(CreditNote.opened_at, CreditNote.id),
        version_ids=select(named.c.version),
        stripe_ids=invoices.with_only_columns(Invoice.stripe_invoice_id),
    )
