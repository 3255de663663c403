"""Late usage as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.portal.invoices.late_usage.answers import describe_billing
from app.portal.invoices.late_usage.listing import list_late_usage
from app.web.csv_export import Cell, Money

HEAD = ("recorded_at", "occurred_at", "event", "source", "voids", "reason", "meter", "quantity", "period_start",
        "period_end", "closed_at", "line_amount", "currency", "invoice", "credit_note", "billing")  # fmt: skip
_FILE_PAGE = 500


def iterate_rows(session: Session, org_id: UUID) -> Iterator[tuple[Cell, ...]]:
    """Yield all late usage, recorded last first, read in pages so that memory stays constant."""
    before: tuple[datetime, UUID] | None = None
    while True:
        page = list_late_usage(session, org_id, before, _FILE_PAGE)
        for row in page.rows:
            event, line = row.event, row.line
            amount = Money(line.row.amount, line.row.currency) if line else None
            yield (
                event.recorded_at, event.occurred_at, event.event_id, event.source, event.voids, event.reason,
                row.meter.key, event.quantity, event.period_start, event.period_end, event.closed_at, amount,
                line.row.currency if line else None, line.remote.number if line and line.remote else None,
                line.note.number if line and line.note else None, describe_billing(row),
            )  # fmt: skip
        if page.following is None:
            return
        before = page.rows[-1].event.recorded_at, page.rows[-1].event.key
        session.expunge_all()
