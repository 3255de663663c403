"""Compares the invoices of a period's lines with what Stripe says of them, as mirrored, or what ours said."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.billing_runs.closing.before_change import find_before_change_line
from app.billing_runs.proof.compare import find_currency, rate_again
from app.billing_runs.proof.evidence import Evidence
from app.billing_runs.proof.figures import EVENTS, LINES, InvoiceProof, MeterProof, SourceFigure
from app.invoices import queries
from app.invoices.models import FINAL, MANUAL, Invoice
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import find_issued
from app.metering.verification.period_figures import CountedUsage
from app.payments import queries as payments
from app.payments.models import StripeInvoice
from app.statements.wording import format_amount


def compare_invoices(session: Session, evidence: Evidence) -> list[InvoiceProof]:
    """Compare each invoice that lines of the period are on."""
    ids = {line.invoice_id for lines in evidence.lines.values() for line in lines if line.invoice_id}
    ours = queries.find_invoices(session, evidence.org_id, ids)
    remote_ids = [invoice.stripe_invoice_id for invoice in ours.values() if invoice.stripe_invoice_id]
    remote = payments.find_invoices_by_id(session, evidence.org_id, remote_ids) if remote_ids else {}
    issued = find_issued(session, evidence.org_id, list(ours))
    return [
        _compare_issued(session, invoice, issued[invoice.id])
        if invoice.id in issued
        else _compare(session, invoice, remote.get(invoice.stripe_invoice_id or ""))
        for invoice in sorted(ours.values(), key=lambda each: each.opened_at)
    ]


def _sum_lines(session: Session, invoice: Invoice) -> int:
    lines = queries.list_invoice_lines(session, invoice.org_id, invoice.id)
    return sum(line.amount - line.discount for line in lines)


def _compare_issued(session: Session, invoice: Invoice, issued: IssuedInvoice) -> InvoiceProof:
    """Compare the lines of an invoice of ours with what it said when it was issued."""
    lines, differs = _sum_lines(session, invoice), ""
    if lines != issued.total:
        told, here = format_amount(issued.total, invoice.currency), format_amount(lines, invoice.currency)
        differs = f"{told} on the invoice, {here} here"
    return InvoiceProof(invoice.id, issued.number, invoice.currency, lines, issued.total, differs)


def _compare(session: Session, invoice: Invoice, remote: StripeInvoice | None) -> InvoiceProof:
    lines = _sum_lines(session, invoice)
    number = remote.number if remote else None
    if remote is None or invoice.kind != MANUAL or invoice.state != FINAL:
        return InvoiceProof(invoice.id, number, invoice.currency, lines, None)
    before_tax = remote.total + remote.discount - (remote.tax - remote.included_tax)
    if lines == before_tax:
        return InvoiceProof(invoice.id, number, invoice.currency, lines, lines)
    differs = f"{format_amount(before_tax, invoice.currency)} at Stripe, {format_amount(lines, invoice.currency)} here"
    return InvoiceProof(invoice.id, number, invoice.currency, lines, before_tax, differs)


def compare_before_change(session: Session, evidence: Evidence, meters: Sequence[MeterProof]) -> list[MeterProof]:
    """Work out again what a change of plan must not take; none where no plan was changed.

    Not while late usage waits: the line is worked out with that.
    """
    lines = evidence.lines.get(None, ())
    waiting = any(figure.note for meter in meters for figure in meter.figures if figure.source == LINES)
    if not evidence.closed or waiting:
        return []
    owed = sum(
        rate_again(evidence, meter_id, evidence.counted.get(meter_id, CountedUsage()).billable)
        for meter_id in evidence.row_of
    )
    again = find_before_change_line(session, evidence.org_id, evidence.rows, owed)
    expected, billed = again.amount if again else 0, sum(line.amount for line in lines)
    if not expected and not lines:
        return []
    currency = find_currency(evidence)
    differs = "" if expected == billed else (
        f"{format_amount(billed, currency)} where the events come to {format_amount(expected, currency)}"
    )  # fmt: skip
    figures = [SourceFigure(EVENTS, amount=expected), SourceFigure(LINES, amount=billed, differs=differs)]
    return [MeterProof(None, "Overage before the change of plan", "", currency, figures)]
