"""The page of late usage and corrections, and its file."""

from __future__ import annotations

from flask import Response, request

from app.accounts import guards
from app.accounts.reads import EXPORTED_BILLING, audit_read
from app.portal.invoices.late_usage import export
from app.portal.invoices.late_usage.listing import list_late_usage
from app.portal.invoices.late_usage.view import build_late_view
from app.portal.invoices.views import invoices
from app.portal.shell.people import get_org_id
from app.web.csv_file import stream_csv
from app.web.database import session
from app.web.pages import render
from app.web.paging import parse_time_id_cursor

__all__ = ["invoices"]  # the URL map imports the blueprint further on, so that these pages are registered too
_LATE_PAGE = 25


@invoices.get("/usage/late")
def late() -> Response:
    """What was recorded or voided of closed periods, and how it was billed."""
    who = guards.caller()
    before = parse_time_id_cursor(request.args.get("next") or None)
    found = list_late_usage(session(), get_org_id(who), before, _LATE_PAGE)
    return render("invoices/late.html", view=build_late_view(found, who.time_zone, first=before is None))


@invoices.get("/usage/late-usage.csv")
def late_csv() -> Response:
    """The same as CSV. Audited."""
    who = guards.caller()
    org_id = get_org_id(who)
    audit_read(who.actor, EXPORTED_BILLING, org_id)
    return stream_csv("late-usage", export.HEAD, lambda opened: export.iterate_rows(opened, org_id))
