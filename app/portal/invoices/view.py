"""Builds the page of usage charges. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.invoices.breakdown import read_breakdown
from app.invoices.models import FEE, USAGE, Invoice
from app.kit.money import ZERO
from app.portal.invoices.discounts import net_amount
from app.portal.invoices.explain.events import EventsView
from app.portal.invoices.explain.explanation import build_explanation
from app.portal.invoices.explain.tier_bars import build_tier_bars
from app.portal.invoices.focus.months import list_months
from app.portal.invoices.lines import ClosedPeriod, UsageLine
from app.portal.invoices.standing import ISSUED, Standing, describe_standing
from app.portal.invoices.view_models import LinePageView, LineView, PeriodView, RunningView, UsageChargesView
from app.portal.shell.issued import IssuedView
from app.statements.wording import format_amount, format_span, unit_for
from app.web.addresses import path_to
from app.web.filters import quantity
from app.web.paging import encode_cursor

_NOTHING = (
    "No usage period has been closed yet",
    "Each period is closed about an hour after it ends. Its charges then appear here, with how each was calculated.",
)
_NO_LINES = ("No usage on this invoice", "This invoice has no usage charges.")


def build_view(
    periods: Sequence[ClosedPeriod],
    zone: str,
    now: datetime,
    *,
    more: bool,
    first: bool,
    running: RunningView | None = None,
) -> UsageChargesView:
    """Build a page of periods; `more`: older ones follow."""
    shown = [_build_period(period, zone, now) for period in periods]
    cursor = encode_cursor(periods[-1].start.isoformat()) if more else None
    return UsageChargesView(
        zone=zone,
        span=_describe_span(periods, zone),
        periods=shown,
        only=None,
        empty=_NOTHING,
        csv_href=path_to("invoices.usage_csv") if shown else None,
        months=list_months(now) if first else (),
        next_href=path_to("invoices.usage", next=cursor) if cursor else None,
        first_href=None if first else path_to("invoices.usage"),
        running=running,
    )


def build_invoice_view(
    invoice: Invoice, periods: Sequence[ClosedPeriod], zone: str, now: datetime, issued: IssuedView | None = None
) -> UsageChargesView:
    """Build the page of what one invoice bills; `issued` is what it says if it is one of ours."""
    numbers = [line.remote.number for period in periods for line in period.lines if line.remote and line.remote.number]
    return UsageChargesView(
        zone=zone,
        span=_describe_span(periods, zone),
        periods=[_build_period(period, zone, now, whole=False) for period in _leave_out_fees(periods, issued)],
        issued=issued,
        only=_name(issued, numbers),
        empty=_NO_LINES,
        csv_href=path_to("invoices.usage_csv", invoice=str(invoice.id)) if periods else None,
        focus_href=path_to("invoices.focus_invoice", invoice_id=str(invoice.id)) if issued else None,
        next_href=None,
        first_href=path_to("invoices.usage"),
    )


def _leave_out_fees(periods: Sequence[ClosedPeriod], issued: IssuedView | None) -> Sequence[ClosedPeriod]:
    """The usage of an invoice of ours, whose fees are among its lines and need no explanation."""
    if issued is None:
        return periods
    usage = [replace(period, lines=[line for line in period.lines if line.row.kind != FEE]) for period in periods]
    return [period for period in usage if period.lines]


def _name(issued: IssuedView | None, numbers: Sequence[str]) -> str:
    if issued is not None:
        return f"invoice {issued.number}"
    return f"invoice {numbers[0]}" if numbers else "an invoice that is not issued yet"


def build_line_page(line: UsageLine, events: EventsView, zone: str, now: datetime) -> LinePageView:
    """Build the page of one line."""
    row = line.row
    return LinePageView(
        line=build_line(line, describe_standing(line, billed=True, now=now)),
        title=line.name,
        span=format_span(row.period_start, row.period_end, zone),
        zone=zone,
        bars=build_tier_bars(line),
        events=events,
        csv_href=path_to("invoices.line_events_csv", line_id=row.id),
        invoice_href=path_to("invoices.invoice", invoice_id=str(row.invoice_id)) if row.invoice_id else None,
    )


def _describe_span(periods: Sequence[ClosedPeriod], zone: str) -> str:
    return format_span(periods[-1].start, periods[0].end, zone) if periods else ""


def _build_period(period: ClosedPeriod, zone: str, now: datetime, *, whole: bool = True) -> PeriodView:
    billed = period.billed_at is not None
    lines = [build_line(line, describe_standing(line, billed=billed, now=now)) for line in period.lines]
    issued = {line.standing.label: line.standing.url for line in lines if line.standing.key == ISSUED}
    plans = {f"{line.plan.name}, version {line.plan.number}": None for line in period.lines}
    return PeriodView(
        id=f"period-{period.start:%Y%m%dT%H%M%S}",
        title=format_span(period.start, period.end, zone),
        plan=" and ".join(plans),
        total=_total(period),
        summary=_summarise(period),
        pdf_href=path_to("invoices.statement_pdf", period=encode_cursor(period.start.isoformat())) if whole else None,
        verify_href=path_to("proof.show", at=period.start.isoformat()),
        invoices=[(label, url) for label, url in issued.items() if url],
        lines=lines,
    )


def _total(period: ClosedPeriod) -> str:
    """The sum of what discounts leave of the lines, which all are in the period's currency."""
    if not period.lines:
        return ""
    return format_amount(sum(net_amount(line) for line in period.lines), period.lines[0].row.currency)


def _summarise(period: ClosedPeriod) -> str:
    if not period.lines:
        return "Nothing was used."
    if any(line.row.discount for line in period.lines):
        before = format_amount(sum(line.row.amount for line in period.lines), period.lines[0].row.currency)
        return f"{before} before the discount on your plan."
    return "" if any(line.row.amount for line in period.lines) else "Nothing is charged for this usage."


def build_line(line: UsageLine, standing: Standing) -> LineView:
    """Build a line with its explanation."""
    row, breakdown = line.row, read_breakdown(line.row.breakdown)
    included = breakdown.included if breakdown and row.kind == USAGE else ZERO
    return LineView(
        id=f"line-{row.id}",
        name=line.name,
        quantity=f"{quantity(row.quantity)} {unit_for(row.quantity, line.unit)}" if line.meter else "",
        included=f"{quantity(included)} included" if included else None,
        amount=format_amount(net_amount(line), row.currency),
        charged=row.amount != 0,
        standing=standing,
        explanation=build_explanation(line),
        events_href=path_to("invoices.line", line_id=row.id) if line.meter else None,
    )
