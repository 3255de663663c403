"""Builds the page of late usage. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.portal.invoices.late_usage.answers import describe_billing
from app.portal.invoices.late_usage.listing import LateUsage, LateUsagePage
from app.statements.wording import format_amount, format_span, unit_for
from app.web.addresses import path_to
from app.web.filters import quantity

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class LateRow:
    """A late event as the table shows it; `amount` is that of the line that bills it, with others."""

    recorded_at: datetime
    occurred_at: datetime
    event: str
    quantity: str
    period: str
    why: str
    billing: str
    amount: str | None
    href: str | None


@dataclass(frozen=True, slots=True)
class LateView:
    """A page of late usage."""

    zone: str
    rows: Sequence[LateRow]
    csv_href: str | None
    next_href: str | None
    first_href: str | None


def build_late_view(page: LateUsagePage, zone: str, *, first: bool) -> LateView:
    """Build a page."""
    rows = [_build_row(row, zone) for row in page.rows]
    return LateView(
        zone=zone,
        rows=rows,
        csv_href=path_to("invoices.late_csv") if rows else None,
        next_href=path_to("invoices.late", next=page.following) if page.following else None,
        first_href=None if first else path_to("invoices.late"),
    )


def _build_row(row: LateUsage, zone: str) -> LateRow:
    event, line = row.event, row.line
    return LateRow(
        recorded_at=event.recorded_at,
        occurred_at=event.occurred_at,
        event=event.voids or event.event_id,
        quantity=f"{quantity(event.quantity)} {unit_for(event.quantity, row.meter.unit)}".replace("-", _MINUS),
        period=format_span(event.period_start, event.period_end, zone),
        why=_explain(row),
        billing=describe_billing(row),
        amount=format_amount(line.row.amount, line.row.currency) if line else None,
        href=f"{path_to('invoices.usage')}#line-{line.row.id}" if line else None,
    )


def _explain(row: LateUsage) -> str:
    if row.event.voids is not None:
        return f"Voided: {row.event.reason}" if row.event.reason else "Voided"
    days = (row.event.recorded_at - row.event.closed_at).days
    after = "within a day of" if days < 1 else f"{days} {'day' if days == 1 else 'days'} after"
    return f"Recorded {after} the close"
