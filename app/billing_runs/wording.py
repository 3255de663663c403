"""What a line is called on an invoice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.invoices.discounts import PercentOff
from app.invoices.models import FEE, LATE, InvoiceLine
from app.kit.money import plain
from app.payments.billing_records import INTERVAL_WORDS
from app.statements.wording import format_span
from app.web.filters import quantity


def describe_lines(session: Session, org_id: UUID, lines: Sequence[InvoiceLine]) -> list[str]:
    """Describe an org's lines: "API calls, 1-30 Nov 2026: 60,000, of which 50,000 are included".

    A fee: "Pro plan, monthly, 21 Nov - 20 Dec 2026".
    """
    zone, meters = accounts.get_org(session, org_id).time_zone, catalog.get_meters_by_id(session)
    plans = catalog.get_plans_of_versions(session, {line.plan_version_id for line in lines if line.kind == FEE})
    return [
        _describe_fee(line, plans[line.plan_version_id].name, zone)
        if line.kind == FEE
        else _describe(line, meters, zone)
        for line in lines
    ]


def _describe_fee(line: InvoiceLine, plan: str, zone: str) -> str:
    days = format_span(line.period_start, line.period_end, zone)
    return f"{plan} plan, {INTERVAL_WORDS[line.terms['interval']]}, {days}"


def describe_discount(percentages: Sequence[PercentOff], words: str) -> str:
    """Describe what is taken off a line that is described by `words`: "20 % discount: API calls, …"."""
    rates = " and ".join(f"{plain(each.percent_off)} %" for each in percentages)
    return f"{rates} discount: {words}" if rates else f"Discount: {words}"


def _describe(line: InvoiceLine, meters: Mapping[int, Meter], zone: str) -> str:
    days = format_span(line.period_start, line.period_end, zone)
    if line.meter_id is None:
        return f"Overage before the change of plan, {days}"
    meter = meters[line.meter_id]
    if line.kind == LATE:
        return f"{'Corrected' if line.amount < 0 else 'Late'} usage, {meter.name}, {days}: {quantity(line.quantity)}"
    words = f"{meter.name}, {days}: {quantity(line.quantity)}"
    included = Decimal(line.breakdown.get("included", "0"))
    return f"{words}, of which {quantity(included)} are included" if included else words
