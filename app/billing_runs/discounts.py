"""What is taken off usage lines as they are put on an invoice, where their plan says `discount_usage`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from app.catalog import queries as catalog
from app.invoices import queries
from app.invoices.discounts import PercentOff, compute_discount, share_discount
from app.invoices.models import InvoiceLine


def find_discounts(
    session: Session, org_id: UUID, lines: Sequence[InvoiceLine], percentages: Sequence[PercentOff]
) -> dict[UUID, int]:
    """What the percentages take off waiting lines, by line; lines of plans that discount the fee alone are left out.

    Of a line below zero it is the part of what was taken off the lines that it corrects.
    """
    plans = catalog.get_billing_terms(session, {line.plan_version_id for line in lines})
    discounted = [line for line in lines if plans[line.plan_version_id].discount_usage]
    found = {line.id: compute_discount(line.amount, percentages, line.currency) for line in discounted}
    beside: defaultdict[tuple[object, int | None], list[int]] = defaultdict(lambda: [0, 0])
    for line in sorted(discounted, key=lambda line: line.amount < 0):
        sums = beside[line.period_start, line.meter_id]
        if line.amount < 0:
            amount, discount = queries.sum_billed(session, org_id, line.period_start, line.meter_id)
            found[line.id] = share_discount(line.amount, amount + sums[0], discount + sums[1], line.currency)
        sums[0] += line.amount
        sums[1] += found[line.id]
    return found
