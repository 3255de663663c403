"""What a void takes from a usage period: of one event and of a whole import alike. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.catalog.models import ADDITIVE
from app.statements.period import rate_period_row, rate_row

CLOSED = (
    "What a closed period was billed too much is taken off the next invoice, when the current usage period is closed;"
    " what that cannot cover is credited on the original invoice."
)
PLAN_CHANGED = "The plan changed in this period: its line for overage before the change is worked out again."


def count_taken(aggregation: str, events: int, quantity: Decimal) -> Decimal | None:
    """What voided events took from their counter. None: it is counted anew without them (maxima, distinct values).

    `quantity` is what the events add up to.
    """
    if aggregation not in ADDITIVE:
        return None
    return Decimal(events) if aggregation == "count" else quantity


def calculate_difference(row: Row[Any], taken: Decimal) -> int:
    """What a period's amount changes by, in minor units, when `taken` no longer counts; below zero where it falls.

    `row` is as `statements.queries.list_period_rows` has it. What the period owes for a plan that it began on is not in
    it.
    """
    before, after = rate_period_row(row), rate_row(row, row.used - taken)
    return after.rounded - before.rounded if before and after else 0
