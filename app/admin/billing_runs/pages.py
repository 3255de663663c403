"""Staff page of billing runs: closed periods, what they came to, and what failed."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, request

from app.admin.billing_runs.rehearsal_pages import pages
from app.admin.billing_runs.view import DAYS, build_billing_runs_view
from app.billing_runs import queries
from app.billing_runs.open_ends import find_open_ends
from app.billing_runs.queries import CloseFilter
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]  # `offline.pages` imports the blueprint from here, once these routes are registered

_MANY = 100


@pages.get("/admin/billing-runs")
def billing_runs() -> Response:
    """Closes of the last days and all that are not finished, or only those that failed; totals by currency."""
    given = request.args.get("days", "")
    days = int(given) if given in {str(number) for number in DAYS} else min(DAYS)
    shown = CloseFilter(business_now() - timedelta(days=days), failed=request.args.get("state") == "failed")
    view = build_billing_runs_view(
        queries.list_closes(session(), shown, _MANY),
        queries.sum_closes(session(), shown),
        queries.count_closes(session(), shown),
        shown,
        days,
        ends=find_open_ends(session(), business_now(), _MANY),
    )
    return render("admin/billing_runs.html", view=view)
