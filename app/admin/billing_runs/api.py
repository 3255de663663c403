"""Staff API for billing runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from app.admin.billing_runs.schemas import (
    CLOSES,
    CloseOut,
    ClosesAnswer,
    ClosesQuery,
    CurrencyTotal,
    FailingNoteOut,
    WaitingOut,
)
from app.admin.restrictions.api import api
from app.billing_runs import queries
from app.billing_runs.open_ends import find_open_ends
from app.billing_runs.queries import CloseFilter
from app.web.database import session
from app.web.runtime import business_now

__all__ = ["api"]  # `offline.api` imports the blueprint from here, so that these calls are registered before its own


@api.operation(
    "GET", "/admin/billing-runs", query=ClosesQuery, response=ClosesAnswer, answer=CLOSES,
    summary="Closed usage periods, what they came to, and what failed",
    description="Latest first. The same figures as `flask billing report` and the staff page.",
)  # fmt: skip
def list_billing_runs(query: ClosesQuery) -> ClosesAnswer:
    """The report of billing runs."""
    shown = CloseFilter(business_now() - timedelta(days=query.days), failed=query.failed)
    counts = queries.count_closes(session(), shown)
    ends = find_open_ends(session(), business_now(), query.limit)
    return ClosesAnswer(
        closes=[_out(row) for row in queries.list_closes(session(), shown, query.limit)],
        totals=[CurrencyTotal(row.currency, row.amount, row.periods) for row in queries.sum_closes(session(), shown)],
        orgs=counts.orgs,
        periods=counts.periods,
        unfinished=counts.unfinished,
        failing=counts.failing,
        waiting=[
            WaitingOut(
                str(row.org_id), row.name, row.amount, row.currency, row.lines, row.running_currency, left=row.left
            )
            for row in (*ends.left_over, *ends.waiting)
        ],
        failing_notes=[
            FailingNoteOut(
                str(row.id), str(row.org_id), row.name, row.invoice, row.amount, row.currency, row.opened_at, row.error
            )
            for row in ends.failing_notes
        ],
    )


def _out(row: Row[Any]) -> CloseOut:
    return CloseOut(
        org_id=str(row.org_id),
        org=row.name,
        period_start=row.period_start,
        period_end=row.period_end,
        rated_at=row.rated_at,
        billed_at=row.billed_at,
        amount=row.amount,
        currency=row.currency,
        invoice_kind=row.kind,
        stripe_invoice_id=row.stripe_invoice_id,
        number=row.number,
        failures=row.failures,
        error=row.error,
    )
