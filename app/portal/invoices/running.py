"""What the running period would be charged if it closed now, from the last rehearsal of its close. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.billing_runs.models import Rehearsal
from app.catalog.models import Meter
from app.invoices.models import LATE
from app.portal.invoices.view_models import RunningView
from app.statements.wording import format_amount, format_span, unit_for
from app.web.addresses import path_to
from app.web.filters import quantity


def build_running_view(rehearsal: Rehearsal, meters: Mapping[int, Meter], zone: str) -> RunningView:
    """Build the card: a line for each meter, and for late usage of closed periods."""
    currency = rehearsal.currency or "USD"
    return RunningView(
        title=format_span(rehearsal.period_start, rehearsal.period_end, zone),
        total=format_amount(rehearsal.amount + rehearsal.late, currency),
        lines=[_build_line(line, meters, currency, zone) for line in rehearsal.lines],
        as_of=rehearsal.rehearsed_at,
        verify_href=path_to("proof.show"),
    )


def _build_line(line: Mapping[str, Any], meters: Mapping[int, Meter], currency: str, zone: str) -> tuple[str, str, str]:
    amount = format_amount(line["amount"], currency)
    if line["meter_id"] is None:
        return "Overage before the change of plan", "", amount
    meter, used = meters[line["meter_id"]], Decimal(line["quantity"])
    name = meter.name
    if line["kind"] == LATE:
        starts, ends = (datetime.fromisoformat(line[key]) for key in ("period_start", "period_end"))
        name = f"{meter.name}, late usage for {format_span(starts, ends, zone)}"
    return name, f"{quantity(used)} {unit_for(used, meter.unit)}", amount
