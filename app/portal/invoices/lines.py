"""Reads the lines of closed usage periods, each with what its explanation and its invoice are named by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.billing_runs import queries as billing_runs
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.invoices import credit_notes
from app.invoices import queries as invoices
from app.invoices.charges import LineCharge, load_charges
from app.invoices.models import FEE, LATE, OFFLINE, CreditNote, Invoice, InvoiceLine
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import find_issued
from app.payments import queries as payments
from app.payments.billing_records import INTERVAL_WORDS
from app.payments.models import StripeInvoice


@dataclass(frozen=True, slots=True)
class UsageLine:
    """A line with its meter, its plan (key, name, number), and the invoice that it is on.

    `remote` is Stripe's, `issued` one that we issued ourselves. `meter` is None for a plan's fee, and for overage
    before a change of plan, which is a sum over meters. A line on a credit note has the note, and the invoice that it
    credits. `credited` is what credit notes took off what was due of the invoice. `charge` is what it was rated by.
    """

    row: InvoiceLine
    meter: Meter | None
    plan: Row[Any]
    invoice: Invoice | None = None
    remote: StripeInvoice | None = None
    issued: IssuedInvoice | None = None
    note: CreditNote | None = None
    credited: int = 0
    charge: LineCharge | None = None

    @property
    def rated_by(self) -> LineCharge:
        """The charge of a line that was rated."""
        if self.charge is None:
            raise ValueError("nothing was rated for this line")
        return self.charge

    @property
    def name(self) -> str:
        """What the line is called."""
        if self.row.kind == FEE:
            return f"{self.plan.name} plan, {INTERVAL_WORDS[self.row.terms['interval']]}"
        if self.meter is None:
            return "Overage before the change of plan"
        if self.row.kind != LATE:
            return self.meter.name
        return f"{self.meter.name}, {'corrected' if self.row.amount < 0 else 'late'} usage"

    @property
    def unit(self) -> str:
        """The meter's unit; empty where there is no meter."""
        return self.meter.unit if self.meter else ""


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed usage period. `billed_at` is None while its lines are still being put on an invoice."""

    start: datetime
    end: datetime
    billed_at: datetime | None
    lines: Sequence[UsageLine]


def list_closed_periods(session: Session, org_id: UUID, before: datetime | None, limit: int) -> list[ClosedPeriod]:
    """List closed periods that start before an instant, newest first, in eleven queries however many they are."""
    closes = billing_runs.list_org_closes(session, org_id, before, limit)
    if not closes:
        return []
    rows = invoices.list_lines_of_periods(session, org_id, [close.period_start for close in closes])
    lines = load_lines(session, org_id, rows)
    return [
        ClosedPeriod(
            close.period_start,
            close.period_end,
            close.billed_at,
            [line for line in lines if line.row.period_start == close.period_start],
        )
        for close in closes
    ]


def find_closed_period(session: Session, org_id: UUID, start: datetime) -> ClosedPeriod | None:
    """Find the closed period that starts at an instant."""
    found = list_closed_periods(session, org_id, start + timedelta(microseconds=1), 1)
    return found[0] if found and found[0].start == start else None


def list_periods_of_invoice(session: Session, invoice: Invoice) -> list[ClosedPeriod]:
    """List the periods that an invoice bills, newest first, with its own lines and those credited."""
    lines = load_lines(session, invoice.org_id, invoices.list_lines_of_invoices(session, invoice.org_id, [invoice.id]))
    lines.sort(key=lambda line: line.row.period_start, reverse=True)
    return [
        ClosedPeriod(start, end, invoice.opened_at, list(group))
        for (start, end), group in groupby(lines, key=lambda line: (line.row.period_start, line.row.period_end))
    ]


def load_lines(session: Session, org_id: UUID, rows: Iterable[InvoiceLine]) -> list[UsageLine]:
    """Load what lines are named by, in at most eight queries; lines of no invoice need three."""
    rows = list(rows)
    if not rows:
        return []
    meters = catalog.get_meters_by_id(session)
    plans = catalog.get_plans_of_versions(session, {row.plan_version_id for row in rows})
    charges = load_charges(session, rows)
    notes = credit_notes.find_notes(session, org_id, {row.credit_note_id for row in rows if row.credit_note_id})
    on = {row.id: notes[row.credit_note_id].invoice_id if row.credit_note_id else row.invoice_id for row in rows}
    known = invoices.find_invoices(session, org_id, {invoice_id for invoice_id in on.values() if invoice_id})
    remote = load_remote(session, org_id, known.values())
    issued = load_issued(session, org_id, known.values())
    credited: dict[UUID, int] = defaultdict(int)
    for note in credit_notes.list_notes(session, org_id, list(known)):
        credited[note.invoice_id] += note.due_amount or 0
    return [
        UsageLine(
            row,
            meters[row.meter_id] if row.meter_id is not None else None,
            plans[row.plan_version_id],
            known.get(invoice_id) if invoice_id else None,
            remote.get(invoice_id) if invoice_id else None,
            issued.get(invoice_id) if invoice_id else None,
            notes[row.credit_note_id] if row.credit_note_id else None,
            credited[invoice_id] if invoice_id else 0,
            charges.get(row.id),
        )
        for row, invoice_id in ((row, on[row.id]) for row in rows)
    ]


def load_remote(session: Session, org_id: UUID, known: Iterable[Invoice]) -> dict[UUID, StripeInvoice]:
    """Load Stripe's invoices, as mirrored, by the ids of ours."""
    ids = {invoice.stripe_invoice_id: invoice.id for invoice in known if invoice.stripe_invoice_id}
    mirrored = payments.find_invoices_by_id(session, org_id, list(ids)) if ids else {}
    return {ids[stripe_id]: remote for stripe_id, remote in mirrored.items()}


def load_issued(session: Session, org_id: UUID, known: Iterable[Invoice]) -> dict[UUID, IssuedInvoice]:
    """Load what our own invoices say, by their ids."""
    return find_issued(session, org_id, [invoice.id for invoice in known if invoice.kind == OFFLINE])
