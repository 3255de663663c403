"""Builds the page of usage charges. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from app.invoices.breakdown import read_breakdown
from app.invoices.models import USAGE, Invoice
from app.kit.money import ZERO
from app.portal.invoices.explanation import build_explanation
from app.portal.invoices.lines import ClosedPeriod, UsageLine
from app.portal.invoices.standing import ISSUED, Standing, describe_standing
from app.portal.invoices.view_models import LineView, PeriodView, RunningView, UsageChargesView
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
    periods: Sequence[ClosedPeriod], zone: str, *, more: bool, first: bool, running: RunningView | None = None
) -> UsageChargesView:
    """Build a page of periods; `more`: older ones follow."""
    shown = [_build_period(period, zone) for period in periods]
    cursor = encode_cursor(periods[-1].start.isoformat()) if more else None
    return UsageChargesView(
        zone=zone,
        span=_describe_span(periods, zone),
        periods=shown,
        only=None,
        empty=_NOTHING,
        csv_href=path_to("invoices.usage_csv") if shown else None,
        next_href=path_to("invoices.usage", next=cursor) if cursor else None,
        first_href=None if first else path_to("invoices.usage"),
        running=running,
    )


def build_invoice_view(invoice: Invoice, periods: Sequence[ClosedPeriod], zone: str) -> UsageChargesView:
    """Build the page of what one invoice bills."""
    numbers = [line.remote.number for period in periods for line in period.lines if line.remote and line.remote.number]
    return UsageChargesView(
        zone=zone,
        span=_describe_span(periods, zone),
        periods=[_build_period(period, zone) for period in periods],
        only=f"invoice {numbers[0]}" if numbers else "an invoice that is not issued yet",
        empty=_NO_LINES,
        csv_href=path_to("invoices.usage_csv", invoice=str(invoice.id)),
        next_href=None,
        first_href=path_to("invoices.usage"),
    )


def _describe_span(periods: Sequence[ClosedPeriod], zone: str) -> str:
    return format_span(periods[-1].start, periods[0].end, zone) if periods else ""


def _build_period(period: ClosedPeriod, zone: str) -> PeriodView:
    lines = [_build_line(line, describe_standing(line, billed=period.billed_at is not None)) for line in period.lines]
    issued = {line.standing.label: line.standing.url for line in lines if line.standing.key == ISSUED}
    plans = {f"{line.plan.name}, version {line.plan.number}": None for line in period.lines}
    return PeriodView(
        id=f"period-{period.start:%Y%m%dT%H%M%S}",
        title=format_span(period.start, period.end, zone),
        plan=" and ".join(plans),
        total=_total(period),
        summary=_summarise(period),
        verify_href=path_to("proof.show", at=period.start.isoformat()),
        invoices=[(label, url) for label, url in issued.items() if url],
        lines=lines,
    )


def _total(period: ClosedPeriod) -> str:
    """The sum of the lines' amounts, which all are in the period's currency."""
    if not period.lines:
        return ""
    return format_amount(sum(line.row.amount for line in period.lines), period.lines[0].row.currency)


def _summarise(period: ClosedPeriod) -> str:
    if not period.lines:
        return "Nothing was used."
    return "" if any(line.row.amount for line in period.lines) else "Nothing is charged for this usage."


def _build_line(line: UsageLine, standing: Standing) -> LineView:
    row, breakdown = line.row, read_breakdown(line.row.breakdown)
    included = breakdown.included if breakdown and row.kind == USAGE else ZERO
    return LineView(
        id=f"line-{row.id}",
        name=line.name,
        quantity=f"{quantity(row.quantity)} {unit_for(row.quantity, line.unit)}" if line.meter else "",
        included=f"{quantity(included)} included" if included else None,
        amount=format_amount(row.amount, row.currency),
        charged=row.amount != 0,
        standing=standing,
        explanation=build_explanation(line),
    )
