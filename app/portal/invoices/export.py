"""The lines of closed usage periods as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.invoices.breakdown import read_breakdown
from app.kit.money import exponent, to_major
from app.portal.invoices.discounts import net_amount
from app.portal.invoices.lines import ClosedPeriod, UsageLine, list_closed_periods
from app.portal.invoices.standing import Standing, describe_standing
from app.web.csv_export import Cell, Money

HEAD = ("period_start", "period_end", "kind", "meter", "unit", "plan", "plan_version", "quantity", "included",
        "above_allowance", "imported", "events", "model", "exact_amount", "amount", "discount", "net_amount",
        "currency", "invoice", "status", "note", "credit_note")  # fmt: skip
_FILE_PAGE = 50


def iterate_file_rows(session: Session, org_id: UUID, now: datetime) -> Iterator[tuple[Cell, ...]]:
    """Yield the lines of all closed periods, newest first, read in pages so that memory stays constant."""
    before: datetime | None = None
    while periods := list_closed_periods(session, org_id, before, _FILE_PAGE):
        yield from iterate_period_rows(periods, now)
        before = periods[-1].start
        session.expunge_all()


def iterate_period_rows(periods: Iterable[ClosedPeriod], now: datetime) -> Iterator[tuple[Cell, ...]]:
    """Yield the lines of some periods, as they stand now."""
    for period in periods:
        for line in period.lines:
            yield _file_row(line, describe_standing(line, billed=period.billed_at is not None, now=now))


def _file_row(line: UsageLine, standing: Standing) -> tuple[Cell, ...]:
    row, breakdown, invoice = line.row, read_breakdown(line.row.breakdown), line.issued or line.remote
    places = exponent(row.currency)
    return (
        row.period_start, row.period_end, row.kind, line.meter.key if line.meter else None, line.unit,
        line.plan.key, line.plan.number,
        row.quantity, breakdown.included if breakdown else None, breakdown.excess if breakdown else None,
        row.imported, row.events, line.charge.model if line.charge else None, to_major(row.exact_amount, places),
        *(Money(part, row.currency) for part in (row.amount, row.discount, net_amount(line))), row.currency,
        invoice.number if invoice else None, standing.label, standing.note,
        line.note.number if line.note else None,
    )  # fmt: skip
