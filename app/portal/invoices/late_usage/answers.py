"""Builds the API's answer of late usage. Pure."""

from __future__ import annotations

from app.payments.schemas import Span
from app.portal.invoices.late_usage.listing import LateUsage
from app.portal.invoices.schemas import LateUsageOut

NOT_YET = "Settled when the current usage period is closed"
UNBILLED = "Imported without being billed"


def describe_billing(row: LateUsage) -> str:
    """Where the usage was billed, in a few words."""
    if not row.event.billable:
        return UNBILLED
    return row.standing.label if row.standing else NOT_YET


def build_late_out(row: LateUsage) -> LateUsageOut:
    """A late event, and the line that billed it."""
    event, line = row.event, row.line
    return LateUsageOut(
        id=event.event_id,
        meter=row.meter.key,
        quantity=event.quantity,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        source=event.source,
        voids=event.voids,
        reason=event.reason,
        period=Span(event.period_start, event.period_end),
        closed_at=event.closed_at,
        line=str(line.row.id) if line else None,
        amount=line.row.amount if line else None,
        currency=line.row.currency if line else None,
        invoice=str(line.invoice.id) if line and line.invoice else None,
        invoice_number=line.remote.number if line and line.remote else None,
        credit_note=line.note.number if line and line.note else None,
        standing=describe_billing(row),
    )
