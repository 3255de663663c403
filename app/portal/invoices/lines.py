"""Reads the lines of closed usage periods, each with what its explanation and its invoice are named by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select
from sqlalchemy.orm import Session

from app.billing_runs import queries as billing_runs
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.invoices import queries as invoices
from app.invoices.charges import LineCharge, match_charges
from app.invoices.line_queries import select_for_lines
from app.invoices.models import FEE, LATE, OFFLINE, CreditNote, Invoice, InvoiceLine
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import find_issued
from app.kit.postgres.together import AnySelect, read_together
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
    """List closed periods that start before an instant, newest first, in one statement however many they are."""
    asked = billing_runs.select_org_closes(org_id, before, limit)
    starts = asked.with_only_columns(asked.selected_columns.period_start)
    lines, [closes] = read_lines(session, org_id, invoices.select_lines_of_periods(org_id, starts), asked)
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
    lines, _ = read_lines(session, invoice.org_id, invoices.select_lines_of_invoices(invoice.org_id, [invoice.id]))
    lines.sort(key=lambda line: line.row.period_start, reverse=True)
    return [
        ClosedPeriod(start, end, invoice.opened_at, list(group))
        for (start, end), group in groupby(lines, key=lambda line: (line.row.period_start, line.row.period_end))
    ]


def read_lines(
    session: Session, org_id: UUID, query: Select[InvoiceLine], *more: AnySelect
) -> tuple[list[UsageLine], list[list[Any]]]:
    """The lines that a query selects with what they are named by, and the answers of more queries, in one statement."""
    of = select_for_lines(org_id, query)
    rows, charges, notes, known, issued, credits_, meters, plans, remote, *others = read_together(
        session, of.lines, of.charges, of.notes, of.invoices, of.issued, of.credits, catalog.select_meters(),
        catalog.select_plans_of_versions(of.version_ids), payments.select_invoices(org_id, of.stripe_ids), *more,
    )  # fmt: skip
    names = _Names(
        {meter.id: meter for meter in meters},
        {plan.id: plan for plan in plans},
        match_charges(rows, charges),
        {note.id: note for note in notes},
        {invoice.id: invoice for invoice in known},
        {invoice.id: invoice for invoice in remote},
        {invoice.invoice_id: invoice for invoice in issued},
        credits_,
    )
    return [names.name(row) for row in rows], others


@dataclass(frozen=True, slots=True)
class _Names:
    """What some lines are named by: each by its id, `charges` by their lines'."""

    meters: Mapping[int, Meter]
    plans: Mapping[UUID, Row[Any]]
    charges: Mapping[UUID, LineCharge]
    notes: Mapping[UUID, CreditNote]
    invoices: Mapping[UUID, Invoice]
    remote: Mapping[str, StripeInvoice]
    issued: Mapping[UUID, IssuedInvoice]
    credits: Sequence[CreditNote]

    def name(self, row: InvoiceLine) -> UsageLine:
        """The line with all of it."""
        note = self.notes[row.credit_note_id] if row.credit_note_id else None
        on = note.invoice_id if note else row.invoice_id
        invoice = self.invoices.get(on) if on else None
        return UsageLine(
            row,
            self.meters[row.meter_id] if row.meter_id is not None else None,
            self.plans[row.plan_version_id],
            invoice,
            self.remote.get(invoice.stripe_invoice_id) if invoice and invoice.stripe_invoice_id else None,
            self.issued.get(invoice.id) if invoice else None,
            note,
            sum(credit.due_amount or 0 for credit in self.credits if credit.invoice_id == on),
            self.charges.get(row.id),
        )


def load_remote(session: Session, org_id: UUID, known: Iterable[Invoice]) -> dict[UUID, StripeInvoice]:
    """Load Stripe's invoices, as mirrored, by the ids of ours."""
    ids = {invoice.stripe_invoice_id: invoice.id for invoice in known if invoice.stripe_invoice_id}
    mirrored = payments.find_invoices_by_id(session, org_id, list(ids)) if ids else {}
    return {ids[stripe_id]: remote for stripe_id, remote in mirrored.items()}


def load_issued(session: Session, org_id: UUID, known: Iterable[Invoice]) -> dict[UUID, IssuedInvoice]:
    """Load what our own invoices say, by their ids."""
    return find_issued(session, org_id, [invoice.id for invoice in known if invoice.kind == OFFLINE])
