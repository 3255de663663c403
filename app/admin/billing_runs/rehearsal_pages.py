"""Staff pages of rehearsals: what running periods would come to, and the file of it."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, request

from app.admin.billing_runs.rehearsal_view import (
    HEAD,
    SHOWN,
    build_rehearsal_view,
    iterate_file_rows,
    parse_filter,
)
from app.admin.statement_pages import pages
from app.billing_runs.rehearsal import queries
from app.billing_runs.rehearsal.queries import RehearsalFilter
from app.web import csv_export
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

__all__ = ["pages"]

_MANY = 100
_MOST = 10_000


@pages.get("/admin/billing-runs/rehearsal")
def rehearsal() -> Response:
    """The last night's rehearsals: all, those of periods that end within a day, or the alarms."""
    state, shown = _read_filter()
    view = build_rehearsal_view(
        queries.list_rehearsals(session(), shown, _MANY),
        queries.sum_rehearsals(session(), shown),
        queries.count_rehearsals(session(), shown),
        state,
    )
    return render("admin/rehearsal.html", view=view)


@pages.get("/admin/billing-runs/rehearsal.csv")
def rehearsal_csv() -> Response:
    """The same as CSV, up to 10,000 rows."""
    _, shown = _read_filter()
    rows = iterate_file_rows(queries.list_rehearsals(session(), shown, _MOST))
    headers = {"Content-Disposition": 'attachment; filename="rehearsal.csv"'}
    body = "".join(csv_export.lines(HEAD, rows, bom=False))
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)


def _read_filter() -> tuple[str, RehearsalFilter]:
    now, given = business_now(), request.args.get("show", "")
    state = given if given in SHOWN else ""
    return state, parse_filter(state, now, now + timedelta(days=1))
